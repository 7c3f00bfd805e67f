"""Quotas: how much one identity may ask for."""

import time

from ..common.errors import QuotaReached

# A call that ends makes room for another; when that will be is unknown.
_IN_FLIGHT_RETRY_SECONDS = 0.2


class Quota:
    """What is left for one identity, in one process.

    Requests a second are a token bucket that holds those of a second.

    Args:
        per_second: most requests a second; None: any number.
        in_flight: most calls at a time; None: any number.

    Attributes:
        limits: both of them.
    """

    def __init__(self, per_second: float | None = None, in_flight: int | None = None) -> None:
        self.limits = per_second, in_flight
        self._rate, self._most = per_second, in_flight
        self._burst = max(1.0, per_second or 0.0)
        self._left, self._filled = self._burst, time.monotonic()
        self._in_flight = 0

    def enter(self) -> None:
        """Begin a call.

        Raises:
            QuotaReached: there are too many; it says after how long another try makes sense.
        """
        if self._most is not None and self._in_flight >= self._most:
            raise QuotaReached(
                f"{self._in_flight} calls of yours are under way, of {self._most} at most",
                _IN_FLIGHT_RETRY_SECONDS,
            )
        self.admit()
        self._in_flight += 1

    def leave(self) -> None:
        """End a call."""
        self._in_flight -= 1

    def admit(self) -> None:
        """Count a request that something is left for.

        Raises:
            QuotaReached: nothing is.
        """
        if (seconds := self.seconds) > 0:
            raise QuotaReached(f"more than {self._rate:g} requests a second", seconds)
        self.take()

    def take(self) -> None:
        """Count a request, also one that there is nothing left for."""
        if self._rate is not None:
            self._left = self._refilled() - 1

    @property
    def seconds(self) -> float:
        """How long it takes until there is something left for a request."""
        if self._rate is None:
            return 0.0
        return max(0.0, (1 - self._refilled()) / self._rate)

    def _refilled(self) -> float:
        assert self._rate is not None  # noqa: S101 - whoever asks has looked
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._filled) * self._rate)
        self._filled = now
        return self._left
