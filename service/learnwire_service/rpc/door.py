"""The door: strangers are refused before a message of theirs is read.

gRPC reads the message of a unary call, 16 MiB of it, before it asks a handler.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NoReturn

import grpc

from ..common.errors import LearnwireError
from .calls import Calls, refusing
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
            return refusing(partial(_raise, error), method, self._calls)
        return handler


def _raise(error: LearnwireError) -> NoReturn:
    raise error
