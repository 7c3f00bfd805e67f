"""A stream of items on an event loop, each answered as soon as it is ready."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc
from learnwire.v1.prediction_service_pb2 import PredictStreamRequest, PredictStreamResponse

from .async_source import each, ended, rung
from .exchange import WINDOW, Exchange
from .status import async_call_errors

Values: TypeAlias = "AsyncIterable[Any] | Iterable[Any]"
Method: TypeAlias = (
    "grpc.aio.StreamStreamMultiCallable[PredictStreamRequest, PredictStreamResponse]"
)


async def stream(
    exchange: Exchange, values: Values, method: Method, target: str
) -> AsyncGenerator[Any, None]:
    """Make the call, and give what `Exchange.take` gives; see `stream` of the other client."""
    under_way = _Stream(exchange, values, method, target)
    try:
        while not exchange.is_over:
            under_way.bell.clear()
            ready = exchange.take()
            for answer in ready:
                under_way.room.release()
                yield answer
            if not ready and not exchange.is_over:
                await rung(under_way.bell, exchange.seconds_left())
    finally:
        await under_way.end()


class _Stream:
    """One call under way: a task reads the values, another one the answers."""

    def __init__(self, exchange: Exchange, values: Values, method: Method, target: str) -> None:
        self.bell = asyncio.Event()
        self.room = asyncio.Semaphore(WINDOW)
        self._exchange = exchange
        self._values = values
        self._target = target
        self._is_ended = False
        self._call = method(timeout=exchange.seconds)
        self._sender = asyncio.create_task(self._send())
        self._receiver = asyncio.create_task(self._receive())

    async def end(self) -> None:
        """End the call and the reading of values."""
        self._is_ended = True
        self._call.cancel()
        await ended(self._sender, self._receiver)

    async def _send(self) -> None:
        failure: BaseException | None = None
        try:
            async with aclosing(each(self._values)) as values:
                await self.room.acquire()
                async for value in values:
                    await self._write(value)
                    await self.room.acquire()
        except BaseException as error:
            if self._is_ended:
                raise
            failure = error
        self._exchange.end_source(failure)
        await self._call.done_writing()

    async def _write(self, value: object) -> None:
        request = self._exchange.send(value)
        if request is None:
            self.bell.set()
            return
        await self._call.write(request)

    async def _receive(self) -> None:
        failure: Exception | None = None
        try:
            with async_call_errors(self._target):
                async for response in self._call:
                    self._exchange.receive(response)
                    self.bell.set()
        except Exception as error:  # noqa: BLE001 - raised where the answers are awaited
            failure = error
        finally:
            self._call.cancel()
        self._exchange.end_call(failure)
        self.bell.set()
