"""Around every call: one log line, and errors turned into statuses."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, NoReturn, Self

import grpc
from google.rpc import status_pb2

from ..common.logs import LogLevel, get_logger, is_told, timed, write_all
from ..common.mib import MIB
from ..common.settings import ServerSettings
from ..observe.requests import Requests
from ..observe.tracing import tracer
from .gate import Entry, Gate
from .permissions import Roles, roles_for
from .pressure import Pressure
from .reading import Reader, each_whole, is_shared, whole
from .request_ids import REQUEST_ID, RequestIds
from .room import Place, Room
from .status import code_of, is_expected, reason_of, to_status

_log = get_logger()
_LOG_SECONDS = 0.02
# Of a caller's deadline, that he sees pass first: what is left of it here.
_LEFT_SECONDS = 0.05
_OUR_FAULTS = {"UNKNOWN", "INTERNAL", "DATA_LOSS"}

_facts: ContextVar[dict[str, Any]] = ContextVar("facts")


def note(**facts: object) -> None:
    """Add facts (model, items; never an input's content) to the log line of this call."""
    _facts.get().update(facts)


def tally(items: int, errors: int) -> None:
    """Add to the items that this call has answered, and to those of them that failed."""
    facts = _facts.get()
    facts["items"] = facts.get("items", 0) + items
    if errors:
        facts["errors"] = facts.get("errors", 0) + errors


def log_unexpected(error: Exception) -> None:
    """Write the trace of an error that its receiver will not see."""
    if not is_expected(error):
        _log.error("unexpected error", exc_info=error)


class Calls:
    """The calls of one server, each of which leaves one line in the log, however it ends.

    Args:
        settings: what they may hold.
        gate: lets their callers in; all of them where it is left out.
        pressure: tells whether the server's memory suffices; None: it always does.

    Attributes:
        bounds: the most that a request may hold.
        gate: lets their callers in.
        room: what large requests share.
        requests: counts them.
        ids: gives each an id.
        tracer: makes their traces, where OpenTelemetry is on.
    """

    def __init__(
        self,
        settings: ServerSettings,
        gate: Gate | None = None,
        pressure: Pressure | None = None,
    ) -> None:
        self.bounds = settings.bounds
        self.gate = gate or Gate()
        self.room = Room(settings.max_held_mib * MIB, pressure)
        self.requests = Requests()
        self.ids = RequestIds()
        self.tracer = tracer()
        self._sample = settings.log_sample
        self.in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._over: list[dict[str, Any]] = []

    async def none(self) -> None:
        """Wait until none is being answered."""
        await self._idle.wait()

    def begin(self, method: str) -> None:
        """Count a call that is being answered from now on."""
        self.requests.begin(method)
        self.in_flight += 1
        self._idle.clear()

    def end(self, facts: dict[str, Any]) -> None:
        """Count it as over, and have its line written within moments; the model's version apart."""
        self.requests.end(facts["method"], facts.get("model"), facts["code"], facts["ms"] / 1000)
        self.in_flight -= 1
        if self.in_flight == 0:
            self._idle.set()
        if tag := facts.get("model"):
            facts["model"], _, facts["version"] = tag.partition(":")
        level = _level(facts["code"])
        if not is_told(level) or (level == "info" and random.random() >= self._sample):  # noqa: S311
            return
        if not self._over:
            asyncio.get_running_loop().call_later(_LOG_SECONDS, self.write_log)
        self._over.append(timed("call", level, facts))

    def write_log(self) -> None:
        """Write the lines of the calls that are over: many at once cost a fraction of each."""
        over, self._over = self._over, []
        write_all(over)


def _level(code: str) -> LogLevel:
    if code == grpc.StatusCode.OK.name:
        return "info"
    return "error" if code in _OUR_FAULTS else "warning"


class Unseen(Calls):
    """Calls that are bounded as others are, but neither counted nor logged: those of probes.

    Some of them never end.
    """

    def __init__(self, calls: Calls) -> None:
        self.bounds, self.room = calls.bounds, calls.room
        self.requests, self.gate, self.ids = calls.requests, calls.gate, calls.ids
        self.tracer = None

    def begin(self, method: str) -> None:
        """Count nothing."""

    def end(self, facts: dict[str, Any]) -> None:
        """Write nothing."""


class WatchedServer:
    """Stands before a gRPC server while services are added: watches their calls.

    Usage: `add_PredictionServiceServicer_to_server(servicer, WatchedServer(server, calls))`
    """

    def __init__(self, server: grpc.aio.Server, calls: Calls) -> None:
        self._server = server
        self._calls = calls

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Leave it to `add_registered_method_handlers`, which generated code calls as well."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Add the methods of a service, each of them watched."""
        methods = {
            name: watched(handler, f"/{service}/{name}", self._calls)
            for name, handler in handlers.items()
        }
        for name in methods:
            self._calls.requests.know(f"/{service}/{name}")
        handler = grpc.method_handlers_generic_handler(service, methods)
        self._server.add_generic_rpc_handlers((handler,))


def watched(
    handler: Any, method: str, calls: Calls, check: Callable[[], None] = lambda: None
) -> Any:
    """Give a method's handler, now one whose calls are watched and whose errors are statuses.

    Args:
        handler: it.
        method: what it answers.
        calls: watches them.
        check: raises where the method does not exist for the caller; it is asked before a request
            is read.

    Raises:
        KeyError: nobody decided which role the method needs.
    """
    begin = partial(_Call, method, roles_for(method), calls, check)
    parse = Reader(handler.request_deserializer, calls.bounds, streams=handler.request_streaming)
    if handler.response_streaming:
        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_stream_rpc_method_handler
        )
        behavior = handler.stream_stream if handler.request_streaming else handler.unary_stream
        return make(_streaming(behavior, begin), parse, handler.response_serializer)
    return grpc.unary_unary_rpc_method_handler(
        _unary(handler.unary_unary, begin), parse, handler.response_serializer
    )


def refusing(refuse: Callable[[], NoReturn]) -> Any:
    """Give a handler that ends calls of any kind before it reads a request.

    Args:
        refuse: raises the error that they end with, once their caller has been let in.
    """

    async def end(requests: Any, context: Any) -> AsyncIterator[bytes]:
        refuse()
        yield b""  # never: it makes this a stream

    return grpc.stream_stream_rpc_method_handler(end, bytes, bytes)


def _unary(behavior: Any, begin: "_Begin") -> Any:
    async def call(request: Any, context: Any) -> Any:
        with begin(context) as one:
            try:
                if not one.entry.is_free:
                    await one.let_in(context)
                return await behavior(await whole(request, one.place), context)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - to a status
                status = one.told(_raised(error, context))
            del request  # the error that abort raises keeps this frame for a while
            return await one.abort(context, status)

    return call


def _streaming(behavior: Any, begin: "_Begin") -> Any:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        asked: Any = None
        with begin(context) as one:
            try:
                if not one.entry.is_free:
                    await one.let_in(context)
                asked = await _read(request, one.place)
                if not one.entry.is_free:
                    asked = _renewed(asked, one.entry, context)
                async for response in behavior(asked, context):
                    await one.entry.answer(context)
                    yield response
                return
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - to a status
                status = one.told(_raised(error, context))
            del request, asked  # as above
            await one.abort(context, status)

    return call


def _renewed(request: Any, entry: Entry, context: Any) -> Any:
    """Have each request of a stream let in, where there are several."""

    async def each() -> AsyncIterator[Any]:
        async for one in request:
            if is_shared(one):  # each of its items is taken in, or not, when it is answered
                await entry.answer(context)
            else:
                await asyncio.sleep(await entry.renew(context))
            yield one

    return each() if hasattr(request, "__aiter__") else request


async def _read(request: Any, place: Place) -> Any:
    streams = hasattr(request, "__aiter__")
    return each_whole(request, place) if streams else await whole(request, place)


def _raised(error: Exception | asyncio.CancelledError, context: Any) -> Exception:
    """Give what was raised; gRPC would leave a caller waiting for a call that was not cancelled."""
    if isinstance(error, Exception):
        return error
    task = asyncio.current_task()
    if task is None or task.cancelling():
        left = context.time_remaining()
        if left is not None and left < _LEFT_SECONDS:
            note(code=grpc.StatusCode.DEADLINE_EXCEEDED.name)
        raise error
    return RuntimeError("cancelled by nobody").with_traceback(error.__traceback__)


class _Call:
    """Gathers the facts of a call while it is answered.

    Attributes:
        place: holds what it was asked with.
        entry: its caller's way in.
    """

    def __init__(
        self, method: str, roles: Roles, calls: Calls, check: Callable[[], None], context: Any
    ) -> None:
        self._id = ((REQUEST_ID, calls.ids.of(context.invocation_metadata())),)
        context.set_trailing_metadata(self._id)
        # A call that ends without passing through here was cancelled.
        self._facts: dict[str, Any] = {
            "method": method,
            "code": grpc.StatusCode.CANCELLED.name,
            "request_id": self._id[0][1],
            "peer": context.peer(),
        }
        self._trace = None
        if calls.tracer is not None:
            self._trace = calls.tracer.call(method, context.invocation_metadata())
            self._facts["trace_id"] = self._trace.id
        self._method = method
        self._calls = calls
        self._check = check
        self.place = calls.room.place()
        self.entry = Entry(calls.gate, roles)

    def __enter__(self) -> Self:
        self._calls.begin(self._method)
        _facts.set(self._facts)
        self._start = time.perf_counter()
        return self

    async def let_in(self, context: Any) -> None:
        """Let the caller in; see `Entry.enter` and `watched`."""
        try:
            await self.entry.enter(context)
        finally:
            if self.entry.name:
                self._facts["identity"] = self.entry.name
        self._check()

    def told(self, error: Exception) -> status_pb2.Status:
        """Give the status that an error ends it with."""
        log_unexpected(error)
        status = to_status(error)
        self._facts["code"] = code_of(status).name
        self._facts["reason"] = reason_of(status)
        return status

    async def abort(self, context: Any, status: status_pb2.Status) -> Any:
        """End it with a status."""
        details = ("grpc-status-details-bin", status.SerializeToString())
        return await context.abort(code_of(status), status.message, (details, *self._id))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._facts["code"] = grpc.StatusCode.OK.name
        self._facts["ms"] = round((time.perf_counter() - self._start) * 1000, 3)
        self.place.leave()
        self.entry.leave()
        self._calls.end(self._facts)
        if self._trace is not None:
            self._trace.end(grpc.StatusCode[self._facts["code"]].value[0], self._facts)


# Begins a call with its context.
_Begin = Callable[[Any], _Call]
