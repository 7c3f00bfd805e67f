"""Traces: where a program has set OpenTelemetry up, each call is a span, and the server goes on.

Where it has not, nothing of OpenTelemetry is imported.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar, cast

import grpc

Channel = TypeVar("Channel")

_SCOPE = "learnwire"


class CallSpan:
    """The span of one call.

    Attributes:
        metadata: tells the server whose part its own span is.
    """

    def __init__(self, path: str) -> None:
        from opentelemetry import propagate, trace

        self._trace = trace
        service, _, method = path.removeprefix("/").rpartition("/")
        self._span = trace.get_tracer(_SCOPE).start_span(
            f"{service}/{method}",
            kind=trace.SpanKind.CLIENT,
            attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": method},
        )
        carrier: dict[str, str] = {}
        propagate.inject(carrier, trace.set_span_in_context(self._span))
        self.metadata = tuple(carrier.items())
        self._is_over = False

    @classmethod
    def begun(cls, path: str) -> Self | None:
        """Begin one below the span that is current; None where OpenTelemetry is not set up."""
        return cls(path) if "opentelemetry.trace" in sys.modules else None

    def end(self, code: grpc.StatusCode = grpc.StatusCode.OK) -> None:
        """End it by the code of its call, once."""
        if self._is_over:
            return
        self._is_over = True
        self._span.set_attribute("rpc.grpc.status_code", code.value[0])
        if code not in (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED):
            self._span.set_attribute("error.type", code.name)
            self._span.set_status(self._trace.StatusCode.ERROR, code.name)
        self._span.end()

    def fail(self, error: BaseException) -> None:
        """End it by what its call raised."""
        is_status = isinstance(error, grpc.RpcError)
        self.end(error.code() if is_status else grpc.StatusCode.CANCELLED)  # type: ignore[attr-defined]


def traced(channel: Channel) -> Channel:
    """Give what a stub takes for a channel of grpc, whose calls are spans, retries included."""
    return cast("Channel", _Traced(channel))


class _Traced:
    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def unary_unary(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        method = self._channel.unary_unary(path, *arguments, **kinds)

        def call(*request: Any, **options: Any) -> Any:
            if (span := CallSpan.begun(path)) is None:
                return method(*request, **options)
            try:
                answer = method(*request, metadata=span.metadata, **options)
            except BaseException as error:
                span.fail(error)
                raise
            span.end()
            return answer

        return call

    def unary_stream(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        return streaming(path, self._channel.unary_stream(path, *arguments, **kinds), _Answers)

    def stream_stream(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        return streaming(path, self._channel.stream_stream(path, *arguments, **kinds), _Answers)


def streaming(
    path: str, method: Callable[..., Any], answers: Callable[[Any, CallSpan], Any]
) -> Callable[..., Any]:
    """Give a method whose answers end the span of their call."""

    def call(*requests: Any, **options: Any) -> Any:
        if (span := CallSpan.begun(path)) is None:
            return method(*requests, **options)
        return answers(method(*requests, metadata=span.metadata, **options), span)

    return call


class _Answers:
    def __init__(self, call: Any, span: CallSpan) -> None:
        self._call, self._span = call, span

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._call
        except Exception as error:
            self._span.fail(error)
            raise
        self._span.end()

    def cancel(self) -> None:
        """End the call."""
        self._call.cancel()
        self._span.end(grpc.StatusCode.CANCELLED)
