"""Second tries on an event loop; see `retries`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext, suppress
from threading import Event
from typing import Any, cast

import grpc

from .busy import SLOTS, Busy
from .channel import ChannelOptions
from .retries import Channel, Tries, refused_item
from .status import StatusError

# What writing raises then; reading tells why.
CALL_IS_OVER = grpc.RpcError, asyncio.InvalidStateError


def async_retrying(channel: Channel, options: ChannelOptions, closed: Event) -> Channel:
    """Give what a stub takes for a channel of grpc.aio, and tries calls again; see `retrying`."""
    return cast("Channel", _Retrying(channel, options, closed))


class _Retrying:
    def __init__(self, channel: Any, options: ChannelOptions, closed: Event) -> None:
        self._channel, self._options, self._closed = channel, options, closed
        self._busy, self._slots = Busy(), asyncio.Semaphore(SLOTS)

    def unary_unary(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel."""
        method = self._channel.unary_unary(path, *arguments, **kinds)

        async def call(request: Any, timeout: float | None = None, **options: Any) -> Any:
            tries = Tries(self._options, timeout, self._busy)
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
            tries = Tries(self._options, timeout, self._busy)
            start = lambda: method(request, timeout=tries.left, **options)  # noqa: E731
            return _Answers(start, tries, self._closed)

        return call

    def stream_stream(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.aio.Channel; what the call gives takes its requests by `write`."""
        method = self._channel.stream_stream(path, *arguments, **kinds)

        def call(timeout: float | None = None, **options: Any) -> Any:
            tries = Tries(self._options, timeout, self._busy)
            return _Stream(lambda: method(**options), tries, self._closed)

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
        self._began = False

    async def __aiter__(self) -> AsyncIterator[Any]:
        while not self._began:
            try:
                async for answer in self._call:
                    if not self._began and await self._is_refused(answer):
                        break
                    self._began = True
                    yield answer
                else:
                    return
            except grpc.RpcError as error:
                if self._began:
                    raise
                await self._begin_again(error)

    def cancel(self) -> None:
        """End the call; its reader's task ends the waiting for its next try."""
        self._call.cancel()

    async def _is_refused(self, answer: Any) -> bool:
        """Begin again where the answer asks for it and there is another try."""
        if (refused := refused_item(answer)) is None:
            return False
        try:
            await self._begin_again(refused)
        except StatusError:
            return False
        return True

    async def _begin_again(self, error: grpc.RpcError) -> None:
        await _wait(self._tries, error, self._closed)
        self._call.cancel()
        self._call = self._start()


class _Stream(_Answers):
    """A call whose requests are written one by one, and kept until it is answered."""

    def __init__(self, start: Callable[[], Any], tries: Tries, closed: Event) -> None:
        super().__init__(start, tries, closed)
        self._kept: list[Any] = []
        self._sent = 0
        self._are_all = False
        self._sending = asyncio.Lock()

    async def write(self, request: Any) -> None:
        """Send a request; reading tells where that could not be done."""
        self._kept.append(request)
        await self._send()

    async def done_writing(self) -> None:
        """Tell the server that there are no more requests."""
        self._are_all = True
        await self._send()

    async def _begin_again(self, error: grpc.RpcError) -> None:
        await super()._begin_again(error)
        self._sent = 0
        await self._send()

    async def _send(self) -> None:
        async with self._sending:
            with suppress(*CALL_IS_OVER):
                while self._sent < len(self._kept):
                    self._sent += 1
                    await self._call.write(self._kept[self._sent - 1])
                if self._began:
                    self._kept.clear()
                    self._sent = 0
                if self._are_all:
                    await self._call.done_writing()
