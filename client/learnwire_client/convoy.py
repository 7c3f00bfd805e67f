"""The calls of a job, a few at a time."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from .answers import Answer
from .gathering import Parts
from .parts import Part

# So many calls of a job are under way at a time: the server has work while answers travel.
IN_FLIGHT = 4


class Arrivals:
    """What has come of one call, put in while it is awaited elsewhere.

    Args:
        ring: called whenever something has come.

    Attributes:
        are_over: whether all have been taken.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._answers: deque[Iterable[Answer]] = deque()
        self._failure: BaseException | None = None
        self._ended = False
        self.are_over = False

    def put(self, answers: Iterable[Answer]) -> None:
        """Take in the next answers."""
        self._answers.append(answers)
        self._ring()

    def end(self, failure: BaseException | None) -> None:
        """Take in that no more come, perhaps because of a failure."""
        self._failure = failure
        self._ended = True
        self._ring()

    def take(self) -> Iterable[Answer] | None:
        """Give the next answers; None where none have come.

        Raises:
            BaseException: the failure, behind the answers.
        """
        # Asked first: the last answers may come in between.
        ended = self._ended
        if self._answers:
            return self._answers.popleft()
        self.are_over = ended
        if ended and self._failure is not None:
            raise self._failure
        return None


class Call(Protocol):
    """One call under way; see `Flight`."""

    arrivals: Arrivals

    def cancel(self) -> None:
        """End the call, where it has not ended yet."""


AnyCall = TypeVar("AnyCall", bound=Call)


class Convoy(Generic[AnyCall]):
    """The calls of a job, a few of them under way at a time.

    Args:
        parts: what goes in each call.
        start: makes a call.
    """

    def __init__(self, parts: Parts, start: Callable[[Part], AnyCall]) -> None:
        self._parts = parts
        self._start = start
        self._calls: deque[AnyCall] = deque()

    @property
    def is_over(self) -> bool:
        """Whether all answers have been given."""
        return self._parts.are_over and not self._calls

    @property
    def seconds(self) -> float | None:
        """For how long there is nothing to do, unless something comes."""
        return self._parts.seconds if len(self._calls) < IN_FLIGHT else None

    def next_answers(self) -> Iterable[Answer] | None:
        """Begin the calls that can begin, and give the next answers; None where none have come.

        Raises:
            CallError: a call failed as a whole.
        """
        self._launch()
        while self._calls:
            answers = self._calls[0].arrivals.take()
            if answers is not None:
                return answers
            if not self._calls[0].arrivals.are_over:
                return None
            self._calls.popleft()
            self._launch()
        return None

    def cancel(self) -> None:
        """End the calls that are under way."""
        for call in self._calls:
            call.cancel()

    def _launch(self) -> None:
        while len(self._calls) < IN_FLIGHT and not self._parts.are_over:
            if (part := self._parts.take()) is None:
                return
            self._calls.append(self._start(part))
