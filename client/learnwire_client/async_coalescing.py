"""Coalescing on an event loop; see `coalescing`."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, TypeVar, cast

import grpc
from learnwire.v1 import prediction_service_pb2 as pb

from .async_retries import CALL_IS_OVER
from .async_source import rung
from .shared_stream import (
    IDLE_SECONDS,
    AskedAlone,
    Coalescing,
    SharedStream,
    SharedStreams,
    fits,
)

Channel = TypeVar("Channel")


def async_coalescing(channel: Channel) -> Channel:
    """Give what a stub takes for a channel of grpc.aio, and coalesces; see `coalescing`."""
    return cast("Channel", Coalescing(channel, _Predict))


class _Predict:
    """The method."""

    def __init__(self, alone: Callable[..., Any], start: Callable[..., Any]) -> None:
        self._alone = alone
        self._streams = SharedStreams(partial(_Stream, start))
        self._under_way = 0

    async def __call__(
        self, request: Any, timeout: float | None = None, metadata: Any = (), **options: Any
    ) -> Any:
        end = None if timeout is None else monotonic() + timeout
        has_company = self._under_way > 0
        self._under_way += 1
        try:
            if has_company and not metadata and fits(request):
                try:
                    asked = _Asked(request, end)
                    return await asked.awaited(*self._streams.put(asked))
                except AskedAlone:
                    timeout = None if end is None else max(0.0, end - monotonic())
            return await self._alone(request, timeout=timeout, metadata=metadata, **options)
        finally:
            self._under_way -= 1


class _Stream(SharedStream):
    """One stream under way: a task sends what there is, another one reads the answers."""

    def __init__(self, start: Callable[..., Any]) -> None:
        self._bell = asyncio.Event()
        super().__init__(self._bell.set)
        self._call = start(metadata=self.metadata)
        self._sender = asyncio.create_task(self._send())
        self._reader = asyncio.create_task(self._read())

    async def _send(self) -> None:
        idle = False
        try:
            while not self.is_over(idle=idle):
                self._bell.clear()
                if message := self.message():
                    await self._call.write(message)
                else:
                    await rung(self._bell, IDLE_SECONDS)
                    idle = not self._bell.is_set()
            await self._call.done_writing()
        except CALL_IS_OVER:
            return

    async def _read(self) -> None:
        failure: BaseException | None = None
        try:
            async for response in self._call:
                self.receive(response)
        except (grpc.RpcError, AskedAlone, asyncio.CancelledError) as error:
            failure = error
        finally:
            self._call.cancel()
            self.end(failure)


class _Asked:
    """An item, for which a task waits; see `Asked`."""

    def __init__(self, request: pb.PredictRequest, end: float | None) -> None:
        self.request, self.end = request, end
        self._future: asyncio.Future[pb.PredictStreamResult] = (
            asyncio.get_running_loop().create_future()
        )

    def answer(self, result: pb.PredictStreamResult) -> None:
        """See Asked."""
        if not self._future.done():
            self._future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """See Asked."""
        if not self._future.done():
            self._future.set_exception(error)

    async def awaited(self, stream: SharedStream, one: str) -> pb.PredictStreamResult:
        """Wait for what comes; see `coalescing`."""
        try:
            async with asyncio.timeout(None if self.end is None else self.end - monotonic()):
                return await self._future
        except TimeoutError:
            raise stream.expired() from None
        finally:
            stream.withdraw(one)
