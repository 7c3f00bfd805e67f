"""Changes of what a server serves, on an event loop; see `AsyncClient`."""

from typing import TYPE_CHECKING

from learnwire.v1 import admin_service_pb2 as pb

from .base import BaseClient, Timeout
from .loaded import LoadedModel
from .status import async_call_errors

if TYPE_CHECKING:
    from learnwire.v1.admin_service_pb2_grpc import AdminServiceAsyncStub


class AsyncAdminCalls(BaseClient):
    """What an asynchronous client has for those who operate a server."""

    @property
    def _admin(self) -> "AdminServiceAsyncStub":
        raise NotImplementedError

    async def loaded(self, *, timeout: Timeout = ...) -> list[LoadedModel]:
        """List what the server has loaded; see `Client.loaded`."""
        request = pb.ListLoadedRequest()
        with async_call_errors(self._target):
            response = await self._admin.ListLoaded(request, timeout=self._seconds(timeout))
            return [LoadedModel.decode(one) for one in response.models]

    async def load(self, model: str, *, timeout: Timeout = ...) -> str:
        """Have a version loaded beside the others; see `Client.load`."""
        request = pb.LoadModelRequest(model=model)
        with async_call_errors(self._target):
            response = await self._admin.LoadModel(request, timeout=self._seconds(timeout))
            return response.version

    async def unload(self, model: str, *, timeout: Timeout = ...) -> str:
        """Have a version served no longer; see `Client.unload`."""
        request = pb.UnloadModelRequest(model=model)
        with async_call_errors(self._target):
            response = await self._admin.UnloadModel(request, timeout=self._seconds(timeout))
            return response.version

    async def set_default(self, model: str, *, timeout: Timeout = ...) -> str:
        """Have a version answer to the bare name; see `Client.set_default`."""
        request = pb.SetDefaultVersionRequest(model=model)
        with async_call_errors(self._target):
            response = await self._admin.SetDefaultVersion(request, timeout=self._seconds(timeout))
            return response.version

    async def update(self, model: str, *, timeout: Timeout = ...) -> str:
        """Have a version take the place of all others; see `Client.update`."""
        request = pb.UpdateModelRequest(model=model)
        with async_call_errors(self._target):
            response = await self._admin.UpdateModel(request, timeout=self._seconds(timeout))
            return response.version

    async def drain(self, *, timeout: Timeout = ...) -> float:
        """Have the server end; see `Client.drain`."""
        request = pb.DrainRequest()
        with async_call_errors(self._target):
            response = await self._admin.Drain(request, timeout=self._seconds(timeout))
            return response.drain_seconds
