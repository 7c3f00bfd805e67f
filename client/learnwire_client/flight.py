"""The calls of a job with many values, each read by a thread."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TypeAlias

import grpc
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictManyResponse

from .answers import Answer, ClassesOf
from .convoy import Arrivals, Convoy
from .gathering import AtHand, Gathered, Parts
from .job import Job
from .parts import MAX_ITEMS, Cutter, Part
from .replies import Reply
from .source import Ahead, is_at_hand
from .status import call_errors

Method: TypeAlias = "grpc.UnaryStreamMultiCallable[PredictManyRequest, PredictManyResponse]"


class Flight:
    """One call under way.

    A thread of its own reads the answers, so that a caller who takes long over them
    does not use up the call's time.

    Args:
        part: what to ask.
        ring: called whenever something has come.
        method: makes the call.
        seconds: how long it may take.
        target: the server's name in errors.
        classes_of: gives the names of a model's classes.
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
    ) -> None:
        self.arrivals = Arrivals(ring)
        self._call = method(part.request, seconds) if part.sent else None
        self._reply = Reply(part, classes_of)
        self._target = target
        self._failure = part.failure
        Thread(target=self._read, daemon=True).start()

    def cancel(self) -> None:
        """End the call, where it has not ended yet."""
        if self._call is not None:
            self._call.cancel()

    def _read(self) -> None:
        end = self._failure
        try:
            with self._reply.located(), call_errors(self._target):
                for chunk in self._call or ():
                    self.arrivals.put(self._reply.take(chunk))
                self.arrivals.put(self._reply.rest())
        except Exception as error:  # noqa: BLE001 - raised where the answers are awaited
            end = error
        finally:
            self.cancel()
        self.arrivals.end(end)


def fly(
    job: Job, start: Callable[[Part, Callable[[], None]], Flight]
) -> Generator[Iterable[Answer], None, None]:
    """Give the answers to a job in order, as many at a time as come together.

    When it is closed, the calls under way are ended.
    """
    bell = Event()
    with _parts(job, bell) as parts:
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
                        bell.wait(convoy.seconds)
        finally:
            convoy.cancel()


@contextmanager
def _parts(job: Job, bell: Event) -> Iterator[Parts]:
    if is_at_hand(job.values):
        yield AtHand(job.parts())
        return
    with Ahead(job.values, MAX_ITEMS, bell.set) as ahead:
        yield Gathered(ahead, Cutter(job.model, job.max_bytes))
