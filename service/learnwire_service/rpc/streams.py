"""Streams' answers: each item by itself, as soon as it is ready, or in the order of the items."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.errors import Violation

from ..common.errors import InvalidInput
from .calls import log_unexpected, tally
from .reading import Refused, check_memory, items_in, released

_WINDOW = 64
# Results travel together while they are no larger.
_TOGETHER_BYTES = 2**18

# Answers the item of a request, or raises.
Predict = Callable[[Any], Awaitable[Any]]
# Makes the response to a request, of what was answered or raised.
Reply = Callable[[Any, Any], Any]


async def answer_stream(
    requests: AsyncIterator[Any], predict: Predict, reply: Reply
) -> AsyncIterator[Any]:
    """Answer each request exactly once; no more than a window of them is read ahead of the answers.

    Args:
        requests: the stream as it comes, of messages with an `id`, or with `items` that have one.
        predict: answers one of them.
        reply: makes the messages that go back.
    """
    under_way = _UnderWay(predict, reply)
    reader = asyncio.create_task(under_way.read(requests))
    try:
        while answers := await under_way.ready():
            for message in _together(answers):
                yield message
            under_way.made_room(len(answers))
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


class _UnderWay:
    """The items of one stream that are being answered."""

    def __init__(self, predict: Predict, reply: Reply) -> None:
        self._predict, self._reply = predict, reply
        self._window = asyncio.Semaphore(_WINDOW)
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def read(self, requests: AsyncIterator[Any]) -> None:
        """Start each item as it comes, and put None once all have been answered."""
        try:
            async with asyncio.TaskGroup() as group:
                with _kept() as broken:
                    async for request in requests:
                        self._cancel(getattr(request, "cancelled_ids", ()))
                        await self._start_all(request, group)
        finally:
            self._answers.put_nowait(None)
        for error in broken:
            raise error

    async def ready(self) -> list[Any]:
        """Wait for an answer, and give all that are ready; none once all have been given."""
        answers = [await self._answers.get()]
        while not self._answers.empty() and answers[-1] is not None:
            answers.append(self._answers.get_nowait())
        if answers[-1] is None and len(answers) > 1:
            self._answers.put_nowait(answers.pop())
        return [one for one in answers if one is not None]

    def made_room(self, count: int) -> None:
        """Take in that so many answers have gone."""
        for _ in range(count):
            self._window.release()

    def _cancel(self, ids: Iterable[str]) -> None:
        for one in ids:
            if task := self._tasks.get(one):
                task.cancel()

    async def _start_all(self, request: Any, group: asyncio.TaskGroup) -> None:
        """Start what a message holds; its bytes are let go once all of it is answered."""
        items = items_in(request)
        if not items:
            released()
        left = len(items)

        def over() -> None:
            nonlocal left
            left -= 1
            if not left:
                released()

        for item in items:
            await self._window.acquire()
            self._start(item, group, over)

    def _start(self, item: Any, group: asyncio.TaskGroup, over: Callable[[], None]) -> None:
        if item.id in self._tasks:
            tally(1, 1)
            self._answers.put_nowait(self._reply(item, _in_flight_twice(item.id)))
            over()
            return
        self._tasks[item.id] = task = group.create_task(self._answer(item))
        task.add_done_callback(lambda task: self._end(item.id, task, over))

    async def _answer(self, item: Any) -> None:
        outcome = await _outcome(item, self._predict)
        tally(1, isinstance(outcome, Exception))
        self._answers.put_nowait(self._reply(item, outcome))

    def _end(self, one: str, task: asyncio.Task[None], over: Callable[[], None]) -> None:
        del self._tasks[one]
        over()
        if task.cancelled():
            self._window.release()


@contextmanager
def _kept() -> Iterator[list[Exception]]:
    """Keep what broke a stream, which is raised once all in flight are answered."""
    broken: list[Exception] = []
    try:
        yield broken
    except Exception as error:  # noqa: BLE001 - as above
        broken.append(error)


async def _outcome(item: Any, predict: Predict) -> Any:
    try:
        if isinstance(item, Refused):
            raise item.request
        check_memory()
        return await predict(item)
    except Exception as error:  # noqa: BLE001 - an item's error is that item's answer
        log_unexpected(error)
        return error


def _together(answers: list[Any]) -> Iterator[Any]:
    """Give messages as they are, and results in as few of them as are not too large."""
    message, size = pb.PredictStreamResponse(), 0
    for answer in answers:
        if not isinstance(answer, pb.PredictStreamResult):
            yield answer
            continue
        size += answer.ByteSize()
        if message.results and size > _TOGETHER_BYTES:
            yield message
            message, size = pb.PredictStreamResponse(), answer.ByteSize()
        message.results.append(answer)
    if message.results:
        yield message


def _in_flight_twice(request_id: str) -> InvalidInput:
    problem = f'expected an id that is not in flight on this stream, got "{request_id[:80]}" again'
    return InvalidInput([Violation("id", problem)])
