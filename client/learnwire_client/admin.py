"""Changes of what a server serves; see `Client`."""

from learnwire.v1 import admin_service_pb2 as pb
from learnwire.v1.admin_service_pb2_grpc import AdminServiceStub

from .base import BaseClient, Timeout
from .loaded import LoadedModel
from .status import call_errors


class AdminCalls(BaseClient):
    """What a client has for those who operate a server; they need the role `administer`."""

    _admin: AdminServiceStub

    def loaded(self, *, timeout: Timeout = ...) -> list[LoadedModel]:
        """List the versions that the server has loaded, and those that it could not load."""
        request = pb.ListLoadedRequest()
        with call_errors(self._target):
            response = self._admin.ListLoaded(request, self._seconds(timeout))
            return [LoadedModel.decode(one) for one in response.models]

    def load(self, model: str, *, timeout: Timeout = ...) -> str:
        """Have the server load a version of its store beside those that it serves.

        Args:
            model: `name` for the newest version, or `name:version`.
            timeout: seconds for this call; after them the server goes on all the same.

        Returns: the version that was loaded.
        """
        request = pb.LoadModelRequest(model=model)
        with call_errors(self._target):
            return self._admin.LoadModel(request, self._seconds(timeout)).version

    def unload(self, model: str, *, timeout: Timeout = ...) -> str:
        """Have the server serve a version no longer; give which. Calls under way are answered."""
        request = pb.UnloadModelRequest(model=model)
        with call_errors(self._target):
            return self._admin.UnloadModel(request, self._seconds(timeout)).version

    def set_default(self, model: str, *, timeout: Timeout = ...) -> str:
        """Have a version that is loaded answer to the model's bare name; give which."""
        request = pb.SetDefaultVersionRequest(model=model)
        with call_errors(self._target):
            return self._admin.SetDefaultVersion(request, self._seconds(timeout)).version

    def update(self, model: str, *, timeout: Timeout = ...) -> str:
        """Have the server serve a version in the place of all others, without a failed call.

        Calls that begin after this has answered are answered by that version.

        Usage: `client.update("penguins")`

        Args:
            model: `name` for the newest version of the server's store, or `name:version`.
            timeout: as for `load`.

        Returns: the version that serves.
        """
        request = pb.UpdateModelRequest(model=model)
        with call_errors(self._target):
            return self._admin.UpdateModel(request, self._seconds(timeout)).version

    def drain(self, *, timeout: Timeout = ...) -> float:
        """Have the server end, as SIGTERM does: running calls are answered, new ones refused.

        Usage: `client.drain()`

        Returns: for how many seconds calls that are running may go on.
        """
        with call_errors(self._target):
            return self._admin.Drain(pb.DrainRequest(), self._seconds(timeout)).drain_seconds
