"""Values that an event loop waits for, while it goes on with other things."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Self

from .source import Ahead, check_values, is_at_hand


def check_async_values(values: object) -> None:
    """Refuse what holds no values; see `check_values`."""
    if not isinstance(values, AsyncIterable):
        check_values(values)


async def each(values: "AsyncIterable[Any] | Iterable[Any]") -> AsyncGenerator[Any, None]:
    """Give the values one by one, and close the generator that they come out of.

    Args:
        values: an iterator that is not asynchronous may block: a thread of its own reads it.
    """
    if isinstance(values, AsyncIterable):
        iterator = aiter(values)
        try:
            async for value in iterator:
                yield value
        finally:
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()
    elif is_at_hand(values):
        for value in values:
            yield value
    else:
        async with aclosing(_in_thread(values)) as read:
            async for value in read:
                yield value


@asynccontextmanager
async def read_ahead(
    values: "AsyncIterable[Any] | Iterable[Any]", room: int, bell: asyncio.Event
) -> "AsyncIterator[AsyncAhead | Ahead[Any]]":
    """Read values ahead, in a task or a thread, while inside; see `Ahead`."""
    if isinstance(values, AsyncIterable):
        async with AsyncAhead(each(values), room, bell.set) as in_task:
            yield in_task
    else:
        with Ahead(values, room, _from_threads(bell)) as in_thread:
            yield in_thread


async def rung(bell: asyncio.Event, seconds: float | None) -> None:
    """Wait until the bell rings, or so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()


class AsyncAhead:
    """Reads values ahead in a task of its own; see `Ahead`.

    Args:
        values: what is read.
        room: how many values are read ahead at most.
        ring: called when there are values after there were none, when there is no more room,
            and at the end.
    """

    def __init__(
        self, values: AsyncGenerator[Any, None], room: int, ring: Callable[[], None]
    ) -> None:
        self.failure: BaseException | None = None
        self.is_ended = False
        self._source = values
        self._room = room
        self._ring = ring
        self._values: list[Any] = []
        self._taken = asyncio.Event()
        self._stopped = False
        self._task = asyncio.create_task(self._read())

    def take(self) -> list[Any]:
        """Take the values that have been read; perhaps none."""
        values, self._values = self._values, []
        self._taken.set()
        return values

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped = True
        await ended(self._task)

    async def _read(self) -> None:
        try:
            async with aclosing(self._source) as source:
                async for value in source:
                    await self._put(value)
        except BaseException as error:
            if self._stopped:
                raise
            self.failure = error
        self.is_ended = True
        self._ring()

    async def _put(self, value: Any) -> None:
        self._values.append(value)
        if len(self._values) in (1, self._room):
            self._ring()
        while len(self._values) >= self._room:
            self._taken.clear()
            await self._taken.wait()


async def ended(*tasks: "asyncio.Task[None]") -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _in_thread(values: Iterable[Any]) -> AsyncGenerator[Any, None]:
    bell = asyncio.Event()
    with Ahead(values, 1, _from_threads(bell)) as ahead:
        while True:
            bell.clear()
            # Asked before the values are taken: the last may come in between.
            is_ended = ahead.is_ended
            read = ahead.take()
            for value in read:
                yield value
            if is_ended:
                break
            if not read:
                await bell.wait()
        if ahead.failure is not None:
            raise ahead.failure


def _from_threads(bell: asyncio.Event) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def ring() -> None:
        with suppress(RuntimeError):  # the loop is over, and nobody waits any more
            loop.call_soon_threadsafe(bell.set)

    return ring
