"""The handlers of a server: those that gRPC asks, for whoever asks them without its port."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import grpc

from .gate import Metadata

_Find = Callable[[Any], Awaitable[Any]]


class Handlers:
    """Takes handlers in as a server does, which then finds them as that server would.

    Args:
        interceptors: are asked for each call, the first of them first.
    """

    def __init__(self, interceptors: Sequence[Any] = ()) -> None:
        self._generic: list[grpc.GenericRpcHandler] = []
        self._find: _Find = self._first
        for one in reversed(interceptors):
            self._find = partial(one.intercept_service, self._find)

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Add handlers; those that were added before are asked first."""
        self._generic.extend(handlers)

    async def find(self, method: str, metadata: Metadata) -> Any:
        """Find the handler of a call; None where no handler takes it.

        Args:
            method: its path, `/package.Service/Method`.
            metadata: of the call.
        """
        return await self._find(SimpleNamespace(method=method, invocation_metadata=metadata))

    async def _first(self, details: Any) -> Any:
        for one in self._generic:
            if (found := one.service(details)) is not None:
                return found
        return None


class KeptServer:
    """Stands before a gRPC server while handlers are added: keeps them, too.

    Args:
        server: it.
        handlers: keep them.
    """

    def __init__(self, server: grpc.aio.Server, handlers: Handlers) -> None:
        self._server, self._handlers = server, handlers

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Add handlers to both."""
        self._server.add_generic_rpc_handlers(tuple(handlers))
        self._handlers.add_generic_rpc_handlers(handlers)
