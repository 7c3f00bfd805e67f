"""Who looks after models that may never return."""

import asyncio
import weakref
from threading import Event

from learnwire_service.queue import overdue

from .test_runner import PATIENCE, until


class Looked:
    """Something that tells when it has been looked at."""

    name, timeout = "shop", 60.0

    def __init__(self, looked: Event) -> None:
        self._looked = looked

    @property
    def busy_seconds(self) -> float:
        """See Patient."""
        self._looked.set()
        return 0.0

    def give_up(self) -> None:
        """See Patient."""

    def close(self, *, wait: bool) -> None:
        """See Patient."""


def test_what_nobody_else_knows_any_more_is_not_kept() -> None:
    looked = [Event() for _ in range(3)]
    ones = [*map(Looked, looked)]
    for one in ones:
        overdue.watch(one)
    gone = [weakref.ref(one) for one in ones]
    assert all(one.wait(PATIENCE) for one in looked)
    del one, ones
    asyncio.run(until(lambda: all(one() is None for one in gone)))
