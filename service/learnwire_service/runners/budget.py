"""The memory that models may take together: those not asked for longest make room for others."""

from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Protocol, TypeVar

from ..common.errors import ModelTooLarge
from ..common.logs import get_logger
from ..common.memory import free, resident_bytes
from ..common.mib import MIB

_T = TypeVar("_T")

_log = get_logger()


class Unloadable(Protocol):
    """What can be unloaded, and is loaded again when it is next asked.

    Attributes:
        tag: its name in messages.
        memory_bytes: by how much the process grew when it was first loaded; 0 before that.
        used_at: when it was last asked, by the monotonic clock.
    """

    tag: str
    memory_bytes: int
    used_at: float

    def unload(self) -> None:
        """Give up what was loaded; what it has been asked is answered all the same."""

    def import_shared(self) -> None:
        """Import what all of its kind stand on, which is no memory of its own."""


class Budget:
    """Has models loaded one at a time, and others unloaded for them.

    Args:
        most: the bytes that they may take together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._there: set[Unloadable] = set()
        self._lock = Lock()

    def load(self, one: Unloadable, load: Callable[[], _T]) -> _T:
        """Load a model, in any thread, and unload others as far as it needs their room.

        Raises:
            ModelTooLarge: it takes more than there is, as its first loading shows.
            LearnwireError: it does not load.
        """
        with self._lock:
            self._make_room(one.memory_bytes)
            one.import_shared()
            before = resident_bytes()
            loaded = load()
            if not one.memory_bytes:
                # Later it may take what others have left, and seem small.
                took = resident_bytes() - before
                if took > self._most:
                    del loaded
                    free()
                    raise ModelTooLarge(
                        f"{one.tag} takes {took / MIB:.0f} MiB, more than --memory-budget has "
                        f"for the models of a worker, {self._most / MIB:.0f} MiB"
                    )
                one.memory_bytes = max(1, took)
                self._make_room(one.memory_bytes)
            self._there.add(one)
            return loaded

    def unload_unused(self, since: float) -> None:
        """Unload, in any thread, what was not asked since then; nothing while one is loaded.

        Args:
            since: by the monotonic clock.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._unload(one for one in self._there.copy() if one.used_at < since)
        finally:
            self._lock.release()

    def forget(self, one: Unloadable) -> None:
        """Count a model no longer, which somebody else has put away."""
        self._there.discard(one)

    def _make_room(self, needed: int) -> None:
        self._unload(self._too_many(needed))

    def _too_many(self, needed: int) -> Iterator[Unloadable]:
        """Give those to unload, one after the other, until there is room."""
        # Others may be forgotten meanwhile.
        for one in sorted(self._there.copy(), key=lambda one: one.used_at):
            if sum(other.memory_bytes for other in self._there.copy()) + needed <= self._most:
                break
            yield one

    def _unload(self, models: Iterable[Unloadable]) -> None:
        gone = 0
        for one in models:
            one.unload()
            self._there.discard(one)
            gone += 1
            _log.info("unloaded", model=one.tag, mib=round(one.memory_bytes / MIB, 1))
        if gone:
            free()
