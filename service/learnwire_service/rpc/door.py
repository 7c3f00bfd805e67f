"""The door: strangers are refused before a message of theirs is read.

gRPC reads the message of a unary call, 16 MiB of it, before it asks a handler.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from ..common.errors import LearnwireError
from .calls import Calls, watched
from .permissions import roles_for


class Door(grpc.aio.ServerInterceptor):
    """Refuses the calls of those who show no token that holds.

    Args:
        calls: whose gate knows the tokens; they count the calls that are refused.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """See grpc."""
        handler = await continuation(handler_call_details)
        # Handlers of streams read nothing before they have let a caller in.
        if handler is None or handler.request_streaming:
            return handler
        method = handler_call_details.method
        gate = self._calls.gate
        if gate.lets_all(roles_for(method)):
            return handler
        try:
            await gate.check_known(handler_call_details.invocation_metadata)
        except LearnwireError as error:
            return _refusing(error, method, self._calls)
        return handler


def _refusing(error: LearnwireError, method: str, calls: Calls) -> Any:
    async def refuse(requests: Any, context: Any) -> AsyncIterator[bytes]:
        raise error
        yield b""  # never: it makes this a stream

    handler = grpc.stream_stream_rpc_method_handler(refuse, bytes, bytes)
    return watched(handler, method, calls)
