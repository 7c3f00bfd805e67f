"""`grpc.health.v1`: what of this server can answer now."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc

from ..common.errors import ModelNotFound, UnknownMethod
from ..store.tag import LIVENESS
from .gate import Gate
from .permissions import ANY_ROLE

_Status = health_pb2.HealthCheckResponse
SERVING, NOT_SERVING = _Status.SERVING, _Status.NOT_SERVING
WHOLE_SERVER = ""
# What probes ask for, who have nothing to show.
_OPEN = {WHOLE_SERVER, LIVENESS}


class Health(health_pb2_grpc.HealthServicer):
    """Tells the status of each name, at once and whenever it changes.

    The stock servicer's watchers of a name are told nothing more once one of them has left.

    Args:
        gate: lets in those who ask for more than the whole server, or the process.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        # The models and endpoints that are behind a name, where it is not for all.
        self._behind: dict[str, frozenset[str]] = {}
        self._statuses: dict[str, int] = {}
        self._changed = asyncio.Event()

    def hide(self, name: str, behind: Iterable[str]) -> None:
        """Have a name exist only for those for whom one of these models or endpoints does."""
        self._behind[name] = frozenset(behind)

    def set(self, name: str, status: int) -> None:
        """Set the status of a name, and tell all who watch it."""
        self._statuses[name] = status
        self._changed.set()
        self._changed = asyncio.Event()

    def status(self, name: str) -> int | None:
        """Give the status of a name; None where there is none."""
        return self._statuses.get(name)

    def forget(self, names: Iterable[str]) -> None:
        """Know some names no longer, and tell all who watch them."""
        for name in names:
            self._statuses.pop(name, None)
            self._behind.pop(name, None)
        self._changed.set()
        self._changed = asyncio.Event()

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> health_pb2.HealthCheckResponse:
        """Tell the status of a name."""
        seen = await self._is_seen(request.service, context)
        status = self.status(request.service) if seen else None
        if status is None:
            raise ModelNotFound(f'nothing is served as "{request.service}" here')
        return _Status(status=status)

    async def List(self, request: Any, context: Any) -> Any:
        """Tell nothing: newer releases of grpcio have this method, and older ones not."""
        raise UnknownMethod("/grpc.health.v1.Health/List")

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Tell the status of a name, and what it changes to, for ever."""
        told = None
        while True:
            changed = self._changed
            # Who asked may no longer be let in.
            seen = await self._is_seen(request.service, context)
            status = self.status(request.service) if seen else None
            status = _Status.SERVICE_UNKNOWN if status is None else status
            if status != told:
                told = status
                yield _Status(status=status)
            else:
                await changed.wait()

    async def _is_seen(self, name: str, context: Any) -> bool:
        if name in _OPEN:
            return True
        identity = await self._gate.identity_of(context, ANY_ROLE)
        return name not in self._behind or any(map(identity.sees, self._behind[name]))
