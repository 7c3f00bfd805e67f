"""Around every call: one log line, and errors turned into statuses."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from ..errors import MalformedMessage
from ..logs import get_logger
from .status import code_of, is_expected, to_status

_log = get_logger()
_PREFIX = "/learnwire."


_facts: ContextVar[dict[str, object]] = ContextVar("facts")


def note(**facts: object) -> None:
    """Add facts (model, items; never an input's content) to the log line of this call."""
    _facts.get().update(facts)


def log_unexpected(error: Exception) -> None:
    """Write the trace of an error that its receiver will not see."""
    if not is_expected(error):
        _log.error("unexpected error", exc_info=error)


class InFlight:
    """Counts the calls that are being answered."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def __enter__(self) -> None:
        self._count += 1
        self._none.clear()

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if self._count == 0:
            self._none.set()

    async def none(self) -> None:
        """Wait until there are none."""
        await self._none.wait()


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Logs each call of Learnwire's own services and answers their errors.

    Attributes:
        in_flight: those calls that have begun and not ended.
    """

    def __init__(self) -> None:
        self.in_flight = InFlight()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """See grpc.aio.ServerInterceptor; unknown methods and stock services pass as they are."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(_PREFIX):
            return handler
        return _wrapped(handler, handler_call_details.method, self.in_flight)


def _wrapped(handler: Any, method: str, in_flight: InFlight) -> Any:
    parse = _tolerant(handler.request_deserializer)
    if handler.response_streaming:
        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_stream_rpc_method_handler
        )
        behavior = handler.stream_stream if handler.request_streaming else handler.unary_stream
        return make(_streaming(behavior, method, in_flight), parse, handler.response_serializer)
    return grpc.unary_unary_rpc_method_handler(
        _unary(handler.unary_unary, method, in_flight), parse, handler.response_serializer
    )


def _unary(behavior: Any, method: str, in_flight: InFlight) -> Any:
    async def call(request: Any, context: Any) -> Any:
        with in_flight, _Logged(method) as facts:
            try:
                return await behavior(_intact(request), context)
            except Exception as error:  # noqa: BLE001 - every error becomes a status
                await _abort(context, error, facts)

    return call


def _streaming(behavior: Any, method: str, in_flight: InFlight) -> Any:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        with in_flight, _Logged(method) as facts:
            try:
                intact = (
                    _intact_each(request) if hasattr(request, "__aiter__") else _intact(request)
                )
                async for response in behavior(intact, context):
                    yield response
            except Exception as error:  # noqa: BLE001 - every error becomes a status
                await _abort(context, error, facts)

    return call


class _Logged:
    """Logs one line when a call is over, however it ends."""

    def __init__(self, method: str) -> None:
        # A call that ends without passing through here was cancelled, or its deadline was.
        self._facts: dict[str, object] = {
            "method": method,
            "code": grpc.StatusCode.CANCELLED.name,
        }

    def __enter__(self) -> dict[str, object]:
        _facts.set(self._facts)
        self._start = time.perf_counter()
        return self._facts

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._facts["code"] = grpc.StatusCode.OK.name
        milliseconds = round((time.perf_counter() - self._start) * 1000, 3)
        _log.info("call", **self._facts, ms=milliseconds)


async def _abort(context: Any, error: Exception, facts: dict[str, object]) -> None:
    log_unexpected(error)
    status = to_status(error)
    code = code_of(status)
    facts["code"] = code.name
    details = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, status.message, details)


def _tolerant(parse: Callable[[bytes], Message]) -> Callable[[bytes], Message | MalformedMessage]:
    """Let malformed bytes through as an error, which gRPC itself would call INTERNAL."""

    def tolerant(data: bytes) -> Message | MalformedMessage:
        try:
            return parse(data)
        except DecodeError:
            return MalformedMessage("the request's bytes are not the message of this method")

    return tolerant


def _intact(request: Any) -> Any:
    if isinstance(request, MalformedMessage):
        raise request
    return request


async def _intact_each(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _intact(request)
