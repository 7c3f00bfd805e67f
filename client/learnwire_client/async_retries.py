"""Second tries on an event loop; see `retries`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from threading import Event
from typing import Any, cast

import grpc

from .busy import SLOTS, Busy
from .channel import ChannelOptions
from .retries import Channel, Tries


def async_retrying(channel: Channel, options: ChannelOptions, closed: Event) -> Channel:
    """Give what a stub takes for a channel of grpc.aio, and tries calls again; see `retrying`."""
    return cast("Channel", _Retrying(channel, options, closed))


class _Retrying:
    def __init__(self, channel: Any, options: ChannelOptions, closed: Event) -> None:
        self._channel, self._options, self._closed = channel, options, closed
        self._busy, self._slots = Busy(), asyncio.Semaphore(SLOTS)
        self.stream_stream = channel.stream_stream

    def unary_unary(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        method = self._channel.unary_unary(path, *arguments, **kinds)

        async def call(request: Any, timeout: float | None = None, **options: Any) -> Any:
            tries = Tries(self._options, timeout, path, self._busy)
            if held := tries.held:
                await asyncio.sleep(held)
            while True:
                async with self._slots if self._busy.is_so else nullcontext():
                    try:
                        answer = await method(request, timeout=tries.left, **options)
                    except grpc.RpcError as error:
                        await _wait(tries, error, self._closed)
                    else:
                        tries.answered()
                        return answer

        return call

    def unary_stream(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        method = self._channel.unary_stream(path, *arguments, **kinds)

        def call(request: Any, timeout: float | None = None, **options: Any) -> Any:
            tries = Tries(self._options, timeout, path, self._busy)
            start = lambda: method(request, timeout=tries.left, **options)  # noqa: E731
            return _Answers(start, tries, self._closed)

        return call


async def _wait(tries: Tries, error: grpc.RpcError, closed: Event) -> None:
    """Wait for the next try; raises the error where there is none."""
    await asyncio.sleep(tries.pause(error))
    if closed.is_set():
        raise error


class _Answers:
    """The answers of a call, which is made again while none has come."""

    def __init__(self, start: Callable[[], Any], tries: Tries, closed: Event) -> None:
        self._start, self._tries, self._closed = start, tries, closed
        self._call = start()

    async def __aiter__(self) -> AsyncIterator[Any]:
        began = False
        while True:
            try:
                async for answer in self._call:
                    began = True
                    yield answer
            except grpc.RpcError as error:
                if began:
                    raise
                await _wait(self._tries, error, self._closed)
                self._call = self._start()
            else:
                return

    def cancel(self) -> None:
        """End the call; its reader's task ends the waiting for its next try."""
        self._call.cancel()
