"""Streams' answers: each item by itself, as soon as it is ready, or in the order of the items."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from learnwire_client.errors import Violation

from ..common.errors import InvalidInput
from .calls import log_unexpected, tally
from .reading import Refused, check_memory, released

_WINDOW = 64

# Answers the item of a request, or raises.
Predict = Callable[[Any], Awaitable[Any]]
# Makes the response to an id, of what was answered or raised.
Reply = Callable[[str, Any], Any]


async def answer_stream(
    requests: AsyncIterator[Any], predict: Predict, reply: Reply
) -> AsyncIterator[Any]:
    """Answer each request exactly once; no more than a window of them is read ahead of the answers.

    Args:
        requests: the stream as it comes, of messages with an `id` and a `request`.
        predict: answers one request.
        reply: makes the messages that go back.
    """
    answers: asyncio.Queue[Any] = asyncio.Queue()
    window = asyncio.Semaphore(_WINDOW)
    reader = asyncio.create_task(_read(requests, predict, reply, answers, window))
    try:
        while (answer := await answers.get()) is not None:
            yield answer
            window.release()
        await reader
    finally:
        reader.cancel()


async def answer_in_order(
    requests: AsyncIterator[Any], predict: Predict, reply: Callable[[Any, Any], Any]
) -> AsyncIterator[Any]:
    """Answer each request, in their order: they need no ids.

    Args:
        requests: as for `answer_stream`, of messages that are requests themselves.
        predict: answers one request.
        reply: makes the response to a request, of what was answered or raised.
    """
    answers: asyncio.Queue[asyncio.Task[Any] | None] = asyncio.Queue()
    window = asyncio.Semaphore(_WINDOW)

    async def answer(request: Any) -> Any:
        try:
            outcome = await _outcome(request, predict)
        finally:
            released()
        tally(1, isinstance(outcome, Exception))
        return reply(request, outcome)

    reader = asyncio.create_task(_read_in_order(requests, answer, answers, window))
    try:
        while (answering := await answers.get()) is not None:
            yield await answering
            window.release()
        await reader
    finally:
        reader.cancel()


async def _read_in_order(
    requests: AsyncIterator[Any],
    answer: Callable[[Any], Coroutine[Any, Any, Any]],
    answers: "asyncio.Queue[asyncio.Task[Any] | None]",
    window: asyncio.Semaphore,
) -> None:
    """Start each request as it comes, and put None once there are no others."""
    try:
        async with asyncio.TaskGroup() as tasks:
            with _kept() as broken:
                async for request in requests:
                    await window.acquire()
                    answers.put_nowait(tasks.create_task(answer(request)))
    finally:
        answers.put_nowait(None)
    for error in broken:
        raise error


async def _read(
    requests: AsyncIterator[Any],
    predict: Predict,
    reply: Reply,
    answers: "asyncio.Queue[Any]",
    window: asyncio.Semaphore,
) -> None:
    """Start each request as it comes, and put None once all have been answered."""
    in_flight: set[str] = set()

    async def answer(request: Any) -> None:
        try:
            outcome = await _outcome(request, lambda one: predict(one.request))
        finally:
            released()
        in_flight.discard(request.id)
        tally(1, isinstance(outcome, Exception))
        answers.put_nowait(reply(request.id, outcome))

    try:
        async with asyncio.TaskGroup() as tasks:
            with _kept() as broken:
                async for request in requests:
                    await window.acquire()
                    if request.id in in_flight:
                        tally(1, 1)
                        answers.put_nowait(reply(request.id, _in_flight_twice(request.id)))
                        released()
                        continue
                    in_flight.add(request.id)
                    tasks.create_task(answer(request))
    finally:
        answers.put_nowait(None)
    for error in broken:
        raise error


@contextmanager
def _kept() -> Iterator[list[Exception]]:
    """Keep what broke a stream, which is raised once all in flight are answered."""
    broken: list[Exception] = []
    try:
        yield broken
    except Exception as error:  # noqa: BLE001 - as above
        broken.append(error)


async def _outcome(request: Any, predict: Predict) -> Any:
    try:
        if isinstance(request, Refused):
            raise request.request
        check_memory()
        return await predict(request)
    except Exception as error:  # noqa: BLE001 - an item's error is that item's answer
        log_unexpected(error)
        return error


def _in_flight_twice(request_id: str) -> InvalidInput:
    problem = f'expected an id that is not in flight on this stream, got "{request_id[:80]}" again'
    return InvalidInput([Violation("id", problem)])
