"""The parts of a job, as they become ready to be sent."""

from collections import deque
from collections.abc import Iterator
from time import monotonic
from typing import Any, Protocol

from .parts import Cutter, Part

# A value waits so long for others to go with, in seconds.
_MOMENT = 0.02


class Parts(Protocol):
    """The parts of a job, in order."""

    @property
    def are_over(self) -> bool:
        """Whether there will be no more."""

    @property
    def seconds(self) -> float | None:
        """For how long there is surely none, unless values come; None: as long as none come."""

    def take(self) -> Part | None:
        """Give the next part, or None where there is none now."""


class AtHand:
    """Parts of values that are all there; see `Parts`."""

    seconds: float | None = None

    def __init__(self, parts: Iterator[Part]) -> None:
        self._parts = parts
        self.are_over = False

    def take(self) -> Part | None:
        """Give the next part."""
        part = next(self._parts, None)
        self.are_over = part is None
        return part


class Reading(Protocol):
    """Values that are read while others wait for them; see `Ahead`."""

    failure: BaseException | None

    @property
    def is_ended(self) -> bool:
        """Whether no more will be read; `failure` is what reading raised behind the last."""

    def take(self) -> list[Any]:
        """Take the values that have been read."""


class Gathered:
    """Parts of values that come as they please: each is full, or has waited for a moment.

    Args:
        reading: gives the values.
        cutter: makes the parts.
    """

    def __init__(self, reading: Reading, cutter: Cutter) -> None:
        self._reading = reading
        self._cutter = cutter
        self._values: deque[object] = deque()
        self._due = 0.0
        self.are_over = False

    @property
    def seconds(self) -> float | None:
        """See `Parts`."""
        return max(0.0, self._due - monotonic()) if self._cutter.has_values else None

    def take(self) -> Part | None:
        """Give the next part, where there is one now."""
        # Asked before the values are taken: it may become true in between.
        is_ended = self._reading.is_ended
        self._values.extend(self._reading.take())
        while self._values:
            if not self._cutter.has_values:
                self._due = monotonic() + _MOMENT
            if (part := self._cutter.add(self._values.popleft())) is not None:
                return part
        if is_ended:
            self.are_over = True
            return self._cutter.rest(self._reading.failure)
        is_due = self._cutter.has_values and monotonic() >= self._due
        return self._cutter.rest() if is_due else None
