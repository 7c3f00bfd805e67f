"""The memory that models may take together: those not asked for longest make room for others."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from typing import Protocol, TypeVar

from ..common.changes import late
from ..common.errors import ModelTooLarge, UnloadableModel
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


@dataclass(eq=False)
class _Turn:
    """The time of the one that loads or unloads.

    Attributes:
        tag: which model is loaded, "" where some are unloaded.
        began: when, on the monotonic clock.
    """

    tag: str
    began: float = field(default_factory=time.monotonic)


class Budget:
    """Has models loaded one at a time, and others unloaded for them.

    Args:
        most: the bytes that they may take together.
        load_seconds: how long one may be loaded while others wait for their turn; 0: for ever.
    """

    def __init__(self, most: int, load_seconds: float = 0.0) -> None:
        self._most, self._load_seconds = most, load_seconds
        self._there: set[Unloadable] = set()
        self._turn: _Turn | None = None
        self._changed = Condition()

    def load(self, one: Unloadable, load: Callable[[], _T]) -> _T:
        """Load a model, in any thread, and unload others as far as it needs their room.

        Raises:
            ModelTooLarge: it takes more than there is, as its first loading shows.
            UnloadableModel: it took so long that others did not wait for its end.
            LearnwireError: it does not load.
        """
        with self._turn_of(one.tag) as turn:
            self._make_room(one.memory_bytes)
            one.import_shared()
            before = resident_bytes()
            loaded = load()
            if self._turn is not turn:
                # What it took cannot be told from what others did meanwhile.
                del loaded
                free()
                raise UnloadableModel(late(one.tag, self._load_seconds))
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
        with self._changed:
            if self._turn is not None:
                return
            turn = self._turn = _Turn("")
        try:
            self._unload(one for one in self._there.copy() if one.used_at < since)
        finally:
            self._end(turn)

    def forget(self, one: Unloadable) -> None:
        """Count a model no longer, which somebody else has put away."""
        self._there.discard(one)

    @contextmanager
    def _turn_of(self, tag: str) -> Iterator[_Turn]:
        """Wait for the turn to load a model, but not for the end of one that takes too long."""
        with self._changed:
            while (other := self._turn) is not None and (left := self._left_of(other)) != 0:
                self._changed.wait(left)
            if other is not None:
                _log.error("a load was given up", model=other.tag, seconds=self._load_seconds)
            turn = self._turn = _Turn(tag)
        try:
            yield turn
        finally:
            self._end(turn)

    def _left_of(self, turn: _Turn) -> float | None:
        """Give the seconds that a turn may last yet; None: any."""
        if not self._load_seconds:
            return None
        return max(0.0, turn.began + self._load_seconds - time.monotonic())

    def _end(self, turn: _Turn) -> None:
        with self._changed:
            if self._turn is turn:
                self._turn = None
                self._changed.notify_all()

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
