"""Where the values of a job come from, and the reading of those that may take their time."""

from collections.abc import AsyncIterable, Callable, Generator, Iterable, Iterator, Mapping
from contextvars import copy_context
from sys import modules
from threading import Condition, Lock, Thread
from typing import Generic, Self, TypeVar

import numpy as np

from .frames import Frame, is_frame

T = TypeVar("T")


def check_values(values: object) -> None:
    """Refuse what holds no values, before any is read.

    Raises:
        TypeError: this is a single value, or none at all.
    """
    if is_frame(values):
        return
    if isinstance(values, AsyncIterable):
        raise TypeError(f"expected an iterable, got {type(values).__name__}: use an AsyncClient")
    if (
        isinstance(values, (str, bytes, Mapping))
        or not isinstance(values, Iterable)
        or (isinstance(values, np.ndarray) and values.ndim == 0)
    ):
        way = "collect() it" if hasattr(values, "collect") else "put it in []"
        raise TypeError(f"expected several values, got one {type(values).__name__}: {way}")


def is_at_hand(values: object) -> bool:
    """Tell whether all values are in memory, so that reading them never waits for anything."""
    pandas = modules.get("pandas")
    series = () if pandas is None else (pandas.Series,)
    return isinstance(values, (list, tuple, np.ndarray, Frame, *series))


class Source(Iterator[T]):
    """Values that one thread reads and another may stop.

    Where they come out of a generator, stopping closes it: at once while it is at rest, else as
    soon as it gives its next value.

    Args:
        values: what is read.
    """

    def __init__(self, values: Iterable[T]) -> None:
        self._values = iter(values)
        self._state = Lock()
        self._is_read = False
        self._stopped = False
        self._closed = False

    def __next__(self) -> T:
        with self._state:
            if self._stopped:
                raise StopIteration
            self._is_read = True
        try:
            value = next(self._values)
        finally:
            with self._state:
                self._is_read = False
            self._close_if_stopped()
        if self._stopped:
            raise StopIteration
        return value

    def stop(self) -> None:
        """Let no more values be read."""
        with self._state:
            self._stopped = True
        self._close_if_stopped()

    def _close_if_stopped(self) -> None:
        with self._state:
            is_due = self._stopped and not self._is_read and not self._closed
            self._closed = self._closed or is_due
        if is_due and isinstance(self._values, Generator):
            self._values.close()


class Ahead(Generic[T]):
    """Reads values ahead in a thread of its own, so that nobody has to wait for them.

    Usage: `with Ahead(values, 64, event.set) as ahead: ...`, behind which no more are read.

    Args:
        values: what is read, in the context of the thread that makes this.
        room: how many values are read ahead at most.
        ring: called in that thread when there are values after there were none, when there is
            no more room, and at the end.
    """

    def __init__(self, values: Iterable[T], room: int, ring: Callable[[], None]) -> None:
        self.failure: BaseException | None = None
        self._source = Source(values)
        self._room = room
        self._ring = ring
        self._values: list[T] = []
        self._changed = Condition()
        self._ended = False
        Thread(target=copy_context().run, args=(self._read,), daemon=True).start()

    @property
    def is_ended(self) -> bool:
        """Whether no more will be read; `failure` is what reading raised behind the last."""
        return self._ended

    def take(self) -> list[T]:
        """Take the values that have been read; perhaps none."""
        with self._changed:
            values, self._values = self._values, []
            self._changed.notify()
        return values

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._source.stop()

    def _read(self) -> None:
        try:
            for value in self._source:
                self._put(value)
        except BaseException as error:  # noqa: BLE001 - raised where the values are awaited
            self.failure = error
        self._ended = True
        self._ring()

    def _put(self, value: T) -> None:
        with self._changed:
            self._values.append(value)
            size = len(self._values)
        if size in (1, self._room):
            self._ring()
        with self._changed:
            while len(self._values) >= self._room and not self._ended:
                self._changed.wait()
