"""Calls of methods that this server does not have: refused with a sentence, and told in the log."""

import time
from collections.abc import AsyncIterator
from typing import Any

import grpc

from ..common.errors import LearnwireError, UnknownMethod
from ..common.logs import get_logger
from ..observe.requests import OTHER, Requests
from .gate import Gate
from .permissions import ANY_ROLE
from .request_ids import REQUEST_ID, RequestIds
from .status import code_of, to_status

# A line for each method, and no more of it for so long.
_QUIET_SECONDS = 60.0
_MOST_METHODS = 100
_MOST_CHARS = 100

_log = get_logger()


class Strangers(grpc.GenericRpcHandler):
    """Takes every call that no handler before it takes; add it last.

    Args:
        gate: lets in those who are told so.
        requests: counts them.
        ids: gives each an id.
    """

    def __init__(self, gate: Gate, requests: Requests, ids: RequestIds) -> None:
        self._gate, self._requests, self._ids = gate, requests, ids
        self._told: dict[str, float] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """See grpc."""
        method = handler_call_details.method[:_MOST_CHARS]

        async def refuse(requests: object, context: Any) -> AsyncIterator[bytes]:
            self._tell(method, context.peer())
            error: Exception = UnknownMethod(method)
            try:
                await self._gate.identity_of(context, ANY_ROLE)
            except LearnwireError as refusal:
                error = refusal
            status = to_status(error)
            self._requests.begin(OTHER)
            self._requests.end(OTHER, None, code_of(status).name, 0.0)
            found = (REQUEST_ID, self._ids.of(context.invocation_metadata()))
            details = ("grpc-status-details-bin", status.SerializeToString())
            context.set_trailing_metadata((found,))
            await context.abort(code_of(status), status.message, (details, found))
            yield b""  # never: it makes this a stream

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _tell(self, method: str, peer: str) -> None:
        now = time.monotonic()
        if now - self._told.get(method, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return
        if len(self._told) >= _MOST_METHODS:
            self._told = {
                one: told for one, told in self._told.items() if now - told < _QUIET_SECONDS
            }
            if len(self._told) >= _MOST_METHODS:
                return
        self._told[method] = now
        _log.warning("unknown method", method=method, peer=peer)
