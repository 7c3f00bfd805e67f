"""A server with too much to do: its refusals, and how a client holds its own excess back."""

import random
import time
from threading import Lock
from typing import Any

import grpc

from .status import from_status, status_of

# What gRPC says of a call that it refused by itself.
_NO_WORD = "CANCELLED"
_FIRST_SECONDS, _LONGEST_SECONDS = 0.1, 2.0
# So that those who were refused together do not come back together.
_JITTER = 1.0
# A second try takes one of these, and an answer gives back a part: in the long run there are no
# more of them than half of the answers, whatever comes at once.
_MOST_TRIES, _EARNED = 1000.0, 0.5
# For so long after a refusal a client has no more calls under way than SLOTS, fewer than a server
# lets wait.
_BUSY_SECONDS = 5.0
SLOTS = 32


def refused_unread(error: Any) -> bool:
    """Tell whether gRPC itself refused a call, before anything of Learnwire's had seen it.

    So it does in front of a server with too many calls, and of one that ends. Learnwire's own
    refusals always have a status, what has initial metadata was seen by someone, and a call that
    had begun when its server ended is UNAVAILABLE.
    """
    if error.code() is not grpc.StatusCode.CANCELLED or error.details() != _NO_WORD:
        return False
    return status_of(error) is None and not error.initial_metadata()


class Busy:
    """What one client knows of how busy its server is; for any threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tries = _MOST_TRIES
        self._until = self._busy_until = 0.0

    @property
    def is_so(self) -> bool:
        """Whether the server has refused a call a moment ago."""
        return time.monotonic() < self._busy_until

    def held(self, left: float | None) -> float:
        """Give the seconds that a call is to wait before it is sent, no more than it has left."""
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            return 0.0
        seconds *= _jitter()
        return seconds if left is None else min(seconds, left / 2)

    def answered(self) -> None:
        """Take in that a call was answered."""
        self._tries = min(_MOST_TRIES, self._tries + _EARNED)

    def learn(self, error: grpc.RpcError) -> None:
        """Take in how a call failed: what the server cannot take now is not sent now."""
        status = status_of(error)
        if status is not None and error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            self._hold(from_status(status).retry_after or 0.0)

    def pause(self, made: int) -> float | None:
        """Take in that a call was refused unread, so many tries made, and give when to try again.

        Returns: the seconds to wait; None: not at all.
        """
        seconds = min(_FIRST_SECONDS * 2.0**made, _LONGEST_SECONDS)
        self._hold(seconds)
        with self._lock:
            self._tries = max(0.0, self._tries - 1)
            return seconds * _jitter() if self._tries else None

    def _hold(self, seconds: float) -> None:
        now = time.monotonic()
        self._until = max(self._until, now + seconds)
        self._busy_until = now + _BUSY_SECONDS


def _jitter() -> float:
    return random.uniform(1, 1 + _JITTER)  # noqa: S311 - no secret
