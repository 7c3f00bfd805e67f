"""Traces on an event loop; see `tracing`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import grpc

from .tracing import CallSpan, Channel, streaming


def async_traced(channel: Channel) -> Channel:
    """Give what a stub takes for a channel of grpc.aio, whose calls are spans; see `traced`."""
    return cast("Channel", _Traced(channel))


class _Traced:
    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def unary_unary(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        method = self._channel.unary_unary(path, *arguments, **kinds)

        def call(*request: Any, **options: Any) -> Any:
            if (span := CallSpan.begun(path)) is None:
                return method(*request, **options)
            return _answer(method(*request, metadata=span.metadata, **options), span)

        return call

    def unary_stream(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        return streaming(path, self._channel.unary_stream(path, *arguments, **kinds), _Answers)

    def stream_stream(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel; what the call gives takes its requests by `write`."""
        return streaming(path, self._channel.stream_stream(path, *arguments, **kinds), _Answers)


async def _answer(call: Awaitable[Any], span: CallSpan) -> Any:
    try:
        answer = await call
    except BaseException as error:
        span.fail(error)
        raise
    span.end()
    return answer


class _Answers:
    def __init__(self, call: Any, span: CallSpan) -> None:
        self._call, self._span = call, span

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for answer in self._call:
                yield answer
        except Exception as error:
            self._span.fail(error)
            raise
        self._span.end()

    async def write(self, request: Any) -> None:
        """Send a request."""
        await self._call.write(request)

    async def done_writing(self) -> None:
        """Tell the server that there are no more requests."""
        await self._call.done_writing()

    def cancel(self) -> None:
        """End the call."""
        self._call.cancel()
        self._span.end(grpc.StatusCode.CANCELLED)
