"""What a caller may call: methods by their descriptors, and what is said of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from .context import Context
from .gate import Entry, Gate, caller
from .permissions import ANY_ROLE, roles_for
from .pools import Described


class Offered(NamedTuple):
    """A method that a caller may call.

    Attributes:
        method: it.
        file: its file with its comments; None: without any.
    """

    method: MethodDescriptor
    file: FileDescriptorProto | None

    @property
    def path(self) -> str:
        """Where it is called."""
        return path_of(self.method)


class Catalogue:
    """Tells what a server's callers may call.

    Args:
        gate: lets them in.
        fixed: the services that are always served.
        live: gives those of models that exist for the caller, by their names.
    """

    def __init__(
        self,
        gate: Gate,
        fixed: list[ServiceDescriptor],
        live: Callable[[], Mapping[str, Described]],
    ) -> None:
        self._gate, self._fixed, self._live = gate, fixed, live

    async def of(self, context: Context) -> list[Offered]:
        """Give the methods that a caller has a role for.

        Raises:
            Unauthenticated, Forbidden, QuotaReached: the caller is not let in.
        """
        entry = Entry(self._gate, ANY_ROLE)
        try:
            await entry.enter(context)
            return [one for one in self._all() if roles_for(one.path) & caller().roles]
        finally:
            entry.leave()

    def _all(self) -> Iterator[Offered]:
        for service in self._fixed:
            yield from (Offered(method, None) for method in service.methods)
        for name, described in self._live().items():
            service = described.pool.FindServiceByName(name)
            yield from (Offered(method, described.file) for method in service.methods)


def path_of(method: MethodDescriptor) -> str:
    """Give where a method is called."""
    return f"/{method.containing_service.full_name}/{method.name}"
