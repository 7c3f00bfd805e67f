"""The door: who is refused before a message is read, strangers and those whom nobody has room for.

gRPC reads the message of a unary call, 16 MiB of it, before it asks a handler.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NoReturn

import grpc

from ..common.errors import LearnwireError
from .calls import Calls, refusing, watched
from .permissions import asks_a_model, is_stream, roles_for
from .pressure import Pressure, Stage


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
            return watched(refusing(partial(_raise, error)), method, self._calls)
        return handler


def _raise(error: LearnwireError) -> NoReturn:
    raise error


class ShortOfMemory(grpc.GenericRpcHandler):
    """Takes the calls that memory is too short for, to refuse them; add it first.

    Calls that ask no model or endpoint, but about them, are answered all the same.

    Args:
        pressure: tells what is to be refused.
        calls: watches the calls that are.
    """

    def __init__(self, pressure: Pressure, calls: Calls) -> None:
        self._pressure, self._calls = pressure, calls

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """See grpc."""
        if (stage := self._pressure.stage) is Stage.NOTHING:
            return None
        method = handler_call_details.method
        if asks_a_model(method) and (stage is Stage.CALLS or is_stream(method)):
            return watched(refusing(self._pressure.refuse), method, self._calls)
        return None
