"""The calls of a job with many values, on an event loop."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeAlias

import grpc
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictManyResponse

from .answers import Answer, ClassesOf, needs_classes
from .async_source import read_ahead, rung
from .convoy import Arrivals, Convoy
from .gathering import AtHand, Gathered, Parts
from .job import Job
from .parts import MAX_ITEMS, Cutter, Part
from .replies import Reply
from .source import is_at_hand
from .status import async_call_errors

Method: TypeAlias = "grpc.aio.UnaryStreamMultiCallable[PredictManyRequest, PredictManyResponse]"


class AsyncFlight:
    """One call under way; see `Flight`. A task reads the answers.

    Args:
        part: what to ask.
        ring: called whenever something has come.
        method: makes the call.
        seconds: how long it may take.
        target: the server's name in errors.
        classes_of: gives the names of a model's classes, once they have been learnt.
        learn_classes: awaited before names are needed.
    """

    def __init__(
        self,
        part: Part,
        ring: Callable[[], None],
        *,
        method: Method,
        seconds: float | None,
        target: str,
        classes_of: ClassesOf,
        learn_classes: Callable[[str], Awaitable[object]],
    ) -> None:
        self.arrivals = Arrivals(ring)
        self._call = method(part.request, timeout=seconds) if part.sent else None
        self._reply = Reply(part, classes_of)
        self._target = target
        self._failure = part.failure
        self._learn_classes = learn_classes
        self._task = asyncio.create_task(self._read())

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
                self.arrivals.put(self._reply.rest())
        except Exception as error:  # noqa: BLE001 - raised where the answers are awaited
            end = error
        finally:
            if self._call is not None:
                self._call.cancel()
        self.arrivals.end(end)

    async def _take_chunks(self) -> None:
        if self._call is None:
            return
        async for chunk in self._call:
            if needs_classes(chunk):
                await self._learn_classes(f"{chunk.model}:{chunk.version}")
            self.arrivals.put(self._reply.take(chunk))


async def fly(
    job: Job, start: Callable[[Part, Callable[[], None]], AsyncFlight]
) -> AsyncGenerator[Iterable[Answer], None]:
    """Give the answers to a job in order, as many at a time as come together; see `fly`."""
    bell = asyncio.Event()
    async with _parts(job, bell) as parts:
        convoy = Convoy(parts, lambda part: start(part, bell.set))
        try:
            with job.progress as counted:
                while True:
                    bell.clear()
                    answers = convoy.next_answers()
                    if answers is not None:
                        yield job.checked(counted(answers))
                    elif convoy.is_over:
                        return
                    else:
                        await rung(bell, convoy.seconds)
        finally:
            convoy.cancel()


@asynccontextmanager
async def _parts(job: Job, bell: asyncio.Event) -> AsyncIterator[Parts]:
    if is_at_hand(job.values):
        yield AtHand(job.parts())
        return
    async with read_ahead(job.values, MAX_ITEMS, bell) as ahead:
        yield Gathered(ahead, Cutter(job.model, job.max_bytes))
