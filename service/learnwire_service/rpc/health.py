"""`grpc.health.v1`: what of this server can answer now."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc

from ..common.errors import ModelNotFound

_Status = health_pb2.HealthCheckResponse
SERVING, NOT_SERVING = _Status.SERVING, _Status.NOT_SERVING


class Health(health_pb2_grpc.HealthServicer):
    """Tells the status of each name, at once and whenever it changes.

    The stock servicer's watchers of a name are told nothing more once one of them has left.
    """

    def __init__(self) -> None:
        self._statuses: dict[str, int] = {}
        self._changed = asyncio.Event()

    def set(self, name: str, status: int) -> None:
        """Set the status of a name, and tell all who watch it."""
        self._statuses[name] = status
        self._changed.set()
        self._changed = asyncio.Event()

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> health_pb2.HealthCheckResponse:
        """Tell the status of a name."""
        status = self._statuses.get(request.service)
        if status is None:
            raise ModelNotFound(f'nothing is served as "{request.service}" here')
        return _Status(status=status)

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Tell the status of a name, and what it changes to, for ever."""
        told = None
        while True:
            changed = self._changed
            status = self._statuses.get(request.service, _Status.SERVICE_UNKNOWN)
            if status != told:
                told = status
                yield _Status(status=status)
            else:
                await changed.wait()
