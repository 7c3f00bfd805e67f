"""The calls of a job, a few at a time."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

import grpc
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictManyResponse

from .answers import Answer, ClassesOf
from .job import IN_FLIGHT, Job
from .parts import Part
from .replies import Reply
from .status import call_errors

Method: TypeAlias = "grpc.UnaryStreamMultiCallable[PredictManyRequest, PredictManyResponse]"


class Flight:
    """One call under way.

    A thread of its own reads the answers, so that a caller who takes long over them
    does not use up the call's time.

    Args:
        part: what to ask.
        method: makes the call.
        seconds: how long it may take.
        target: the server's name in errors.
        classes_of: gives the names of a model's classes.
    """

    def __init__(
        self,
        part: Part,
        method: Method,
        seconds: float | None,
        target: str,
        classes_of: ClassesOf,
    ) -> None:
        self._call = method(part.request, seconds) if part.sent else None
        self._reply = Reply(part, classes_of)
        self._target = target
        self._failure = part.failure
        self._answers: SimpleQueue[Iterator[Answer] | Exception | None] = SimpleQueue()
        Thread(target=self._read, daemon=True).start()

    def next_answers(self) -> Iterator[Answer] | None:
        """Wait for the next answers and give them, or None behind the last.

        Raises:
            CallError: the call failed as a whole.
        """
        answers = self._answers.get()
        if isinstance(answers, Exception):
            raise answers
        return answers

    def cancel(self) -> None:
        """End the call, where it has not ended yet."""
        if self._call is not None:
            self._call.cancel()

    def _read(self) -> None:
        end = self._failure
        try:
            with self._reply.located(), call_errors(self._target):
                for chunk in self._call or ():
                    self._answers.put(self._reply.take(chunk))
                self._answers.put(self._reply.rest())
        except Exception as error:  # noqa: BLE001 - raised where the answers are awaited
            end = error
        finally:
            self.cancel()
        self._answers.put(end)


def fly(job: Job, start: Callable[[Part], Flight]) -> Generator[Answer, None, None]:
    """Give the answers to a job in order; when it is closed, the calls under way are ended."""
    flights: deque[Flight] = deque()
    try:
        with job.progress as counted:
            while True:
                flights.extend(map(start, islice(job.parts, IN_FLIGHT - len(flights))))
                if not flights:
                    return
                while (answers := flights[0].next_answers()) is not None:
                    yield from job.checked(counted(answers))
                flights.popleft()
    finally:
        for flight in flights:
            flight.cancel()
