"""The calls of a job, a few at a time, on an event loop."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from itertools import islice
from typing import TypeAlias

import grpc
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictManyResponse

from .answers import Answer, ClassesOf, needs_classes
from .job import IN_FLIGHT, Job
from .parts import Part
from .replies import Reply
from .status import async_call_errors

Method: TypeAlias = "grpc.aio.UnaryStreamMultiCallable[PredictManyRequest, PredictManyResponse]"


class AsyncFlight:
    """One call under way; see `Flight`. A task reads the answers.

    Args:
        part: what to ask.
        method: makes the call.
        seconds: how long it may take.
        target: the server's name in errors.
        classes_of: gives the names of a model's classes, once they have been learnt.
        learn_classes: awaited before names are needed.
    """

    def __init__(
        self,
        part: Part,
        method: Method,
        seconds: float | None,
        target: str,
        classes_of: ClassesOf,
        learn_classes: Callable[[str], Awaitable[object]],
    ) -> None:
        self._call = method(part.request, timeout=seconds) if part.sent else None
        self._reply = Reply(part, classes_of)
        self._target = target
        self._failure = part.failure
        self._learn_classes = learn_classes
        self._answers: asyncio.Queue[Iterator[Answer] | Exception | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._read())

    async def next_answers(self) -> Iterator[Answer] | None:
        """Wait for the next answers; see `Flight.next_answers`."""
        answers = await self._answers.get()
        if isinstance(answers, Exception):
            raise answers
        return answers

    def cancel(self) -> None:
        """End the call, where it has not ended yet."""
        if self._call is not None:
            self._call.cancel()
        self._task.cancel()

    async def _read(self) -> None:
        end = self._failure
        try:
            with self._reply.located(), async_call_errors(self._target):
                await self._take_chunks()
                self._answers.put_nowait(self._reply.rest())
        except Exception as error:  # noqa: BLE001 - raised where the answers are awaited
            end = error
        finally:
            if self._call is not None:
                self._call.cancel()
        self._answers.put_nowait(end)

    async def _take_chunks(self) -> None:
        if self._call is None:
            return
        async for chunk in self._call:
            if needs_classes(chunk):
                await self._learn_classes(f"{chunk.model}:{chunk.version}")
            self._answers.put_nowait(self._reply.take(chunk))


async def fly(job: Job, start: Callable[[Part], AsyncFlight]) -> AsyncGenerator[Answer, None]:
    """Give the answers to a job in order; when it is closed, the calls under way are ended."""
    flights: deque[AsyncFlight] = deque()
    try:
        with job.progress as counted:
            while True:
                flights.extend(map(start, islice(job.parts, IN_FLIGHT - len(flights))))
                if not flights:
                    return
                while (answers := await flights[0].next_answers()) is not None:
                    for answer in job.checked(counted(answers)):
                        yield answer
                flights.popleft()
    finally:
        for flight in flights:
            flight.cancel()
