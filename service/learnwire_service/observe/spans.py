"""The spans of calls and batches, as OpenTelemetry has them; imported only where they are made."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from threading import Thread
from typing import Any, NamedTuple, Self

from opentelemetry import context, propagate, trace
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

from ..common.errors import ToolMissing
from ..common.logs import get_logger
from . import tracing

_SCOPE = "learnwire"
_OTLP = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_END_SECONDS = 2.0
# Of a call with more, such as a stream that lasts for days, the later ones have no spans.
_MOST_BATCHES = 128
# The codes that are errors of a server, by the conventions for RPC.
_FAULTS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
_FACTS = ("model", "version", "endpoint", "items", "errors", "reason", "request_id")

_log = get_logger()


def begin() -> None:
    """Set OpenTelemetry's SDK up by its own variables, unless this process has done so already.

    Raises:
        ToolMissing: there is no exporter of that name.
    """
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = Resource.create({SERVICE_NAME: "learnwire"})
    provider = TracerProvider(resource=resource)
    for exporter in _exporters():
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def _exporters() -> Iterable[Any]:
    for name in (os.environ.get("OTEL_TRACES_EXPORTER") or "otlp").split(","):
        known = _otlp() if name.strip() == "otlp" else name.strip()
        for found in entry_points(group="opentelemetry_traces_exporter", name=known):
            yield found.load()()
            break
        else:
            raise ToolMissing(f"OTEL_TRACES_EXPORTER: there is no exporter {known} installed")


def _otlp() -> str:
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = next((os.environ[name] for name in names if os.environ.get(name)), "grpc")
    return _OTLP.get(protocol, protocol)


def end() -> None:
    """Send what is left; a collector that does not answer is not waited for."""
    shutdown = getattr(trace.get_tracer_provider(), "shutdown", None)
    if shutdown is None:
        return
    thread = Thread(target=shutdown, daemon=True)
    thread.start()
    thread.join(_END_SECONDS)
    if thread.is_alive():
        _log.warning("traces are lost: the collector does not answer", seconds=_END_SECONDS)


class Tracer:
    """Makes the traces of calls.

    Args:
        provider: of the spans.
    """

    def __init__(self, provider: trace.TracerProvider) -> None:
        self.make = provider.get_tracer(_SCOPE).start_span

    @classmethod
    def found(cls) -> Self | None:
        """Give one where this process has set OpenTelemetry up."""
        provider = trace.get_tracer_provider()
        idle = trace.ProxyTracerProvider | trace.NoOpTracerProvider
        return None if isinstance(provider, idle) else cls(provider)

    def call(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> "CallTrace":
        """Begin the trace of a call, or go on with its caller's.

        What is done from now on in this context is part of it, spans of users' code too.
        """
        sent = {key: value for key, value in metadata if isinstance(value, str)}
        name = method.removeprefix("/")
        service, _, own = name.rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": own}
        above = propagate.extract(sent)
        span = self.make(name, above, SpanKind.SERVER, attributes)
        found = CallTrace(self, span, above)
        if span.is_recording():
            tracing.enter(found)
        return found


class Part(NamedTuple):
    """What a call has in a batch; times are of the monotonic clock.

    Attributes:
        items: how many.
        queued: when the first of them had its place in the queue.
        encoding: from when to when they were encoded.
    """

    items: int
    queued: float
    encoding: tuple[float, float]


class Batch(NamedTuple):
    """A batch that was predicted; times are of the monotonic clock."""

    model: str
    version: str
    start: float
    network: float
    end: float


class CallTrace:
    """The spans of one call.

    Attributes:
        place: where its span is.
        id: of its trace, as log lines have it.
    """

    def __init__(self, tracer: Tracer, span: Span, above: context.Context) -> None:
        self._tracer, self._span = tracer, span
        self._context = trace.set_span_in_context(span, above)
        self._batches = 0
        self.place = span.get_span_context()
        self.id = trace.format_trace_id(self.place.trace_id)
        context.attach(self._context)

    def end(self, code: int, facts: Mapping[str, Any]) -> None:
        """End it.

        Args:
            code: the number of its code.
            facts: those of its log line.
        """
        span = self._span
        if span.is_recording():
            span.set_attribute("rpc.grpc.status_code", code)
            for name in _FACTS:
                if (fact := facts.get(name)) not in (None, ""):
                    span.set_attribute(f"learnwire.{name}", fact)
            if self._batches:
                span.set_attribute("learnwire.batches", self._batches)
            if (name := facts["code"]) in _FAULTS:
                # What is told of an error may be a part of what was sent.
                span.set_attribute("error.type", name)
                span.set_status(Status(StatusCode.ERROR, facts.get("reason", name)))
        span.end()

    def span(self, name: str, start: int, links: Sequence[Link], **attributes: Any) -> Span:
        """Begin a span below it, at a time in nanoseconds."""
        return self._tracer.make(
            name, self._context, attributes=attributes, links=links, start_time=start
        )

    def add(self, batch: Batch, part: Part, link: Sequence[Link]) -> None:
        """Add the stages of its part in a batch."""
        self._batches += 1
        if self._batches > _MOST_BATCHES:
            return
        at = _clock()
        for name, (start, end) in {
            "queue": (part.queued, batch.start),
            "encode": part.encoding,
            "network": (batch.start, batch.network),
            "decode": (batch.network, batch.end),
        }.items():
            links = link if name == "network" else ()
            span = self.span(name, at(start), links, **{"learnwire.items": part.items})
            span.end(at(end))


def predicted(batch: Batch, parts: Mapping[CallTrace, Part]) -> None:
    """Add a batch to the traces of the calls that have a part in it.

    It has a span of its own, in the trace of the first of them, with links to all.
    """
    first, at = next(iter(parts)), _clock()
    span = first.span(
        "batch",
        at(batch.start),
        [Link(one.place) for one in parts],
        **{
            "learnwire.model": batch.model,
            "learnwire.version": batch.version,
            "learnwire.items": sum(part.items for part in parts.values()),
        },
    )
    link = [Link(span.get_span_context())]
    for one, part in parts.items():
        one.add(batch, part, link)
    span.end(at(batch.end))


def _clock() -> Any:
    """Give what makes nanoseconds of Unix time of the monotonic clock's seconds."""
    offset = time.time_ns() - time.monotonic_ns()
    return lambda seconds: int(seconds * 1e9) + offset
