"""Counters, gauges and histograms of one thing, which several processes may fill together."""

import math
import os
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from .distribution import Distribution
from .memory import SHARED_FOLDER, Memory, Numbers, together
from .series import Kind, Mode, Series

SECONDS = [float(f"{base}e{power}") for power in range(-5, 2) for base in (1, 2, 5)]

_FATE = "fate"


class Counter:
    """A number that grows, for any thread."""

    __slots__ = ("_numbers", "_place")

    def __init__(self, numbers: Numbers, place: int) -> None:
        self._numbers, self._place = numbers, place

    def inc(self, more: float = 1) -> None:
        """Add to it."""
        # CPython lets no other thread in between reading and writing, where nothing is called.
        self._numbers[self._place] += more


class Gauge(Counter):
    """A number that is set, for any thread."""

    __slots__ = ()

    def set(self, value: float) -> None:
        """Set it."""
        self._numbers[self._place] = value

    def forget(self) -> None:
        """Have it say nothing until it is set again."""
        self.set(math.nan)

    def dec(self) -> None:
        """Take one from it."""
        self.inc(-1)


class Recent(Gauge):
    """A gauge of which the process that set it last is believed."""

    __slots__ = ()

    def set(self, value: float) -> None:
        """Set it."""
        self._numbers[0], self._numbers[1] = value, time.time()


class Histogram:
    """How many values there were in each bucket, and their sum, for any thread."""

    __slots__ = ("_ends", "_numbers")

    def __init__(self, numbers: Numbers, ends: Sequence[float]) -> None:
        self._numbers, self._ends = numbers, ends

    def observe(self, value: float) -> None:
        """Count a value."""
        numbers, place = self._numbers, bisect_left(self._ends, value)
        numbers[place] += 1  # see Counter.inc
        numbers[-1] += value


class Counters:
    """Makes what counts for one thing, and reads it, for any thread.

    Where workers serve, each counts in files of its own, which outlive it, and what is read is
    the sum of them all.

    Args:
        prefix: how the metrics' names begin, apart from those of other kinds of things.
        labels: which thing it is; values are bounded, and none is what a caller sent.
        memory: where it counts; None: see `memory_to_count_in`.
    """

    def __init__(
        self, prefix: str, labels: Mapping[str, str], memory: Memory | None = None
    ) -> None:
        self._prefix, self._labels = prefix, dict(labels)
        self._memory = memory or memory_to_count_in()

    def counts(
        self, name: str, meaning: str, keys: Iterable[str], by: str = _FATE
    ) -> dict[str, Counter]:
        """Make a counter for each of these values of a label."""
        keys = tuple(map(str, keys))
        numbers = self._place(Series(self._full(name), meaning, "counter", self._labels, by, keys))
        return {key: Counter(numbers, place) for place, key in enumerate(keys)}

    def counter(self, name: str, meaning: str) -> Counter:
        """Make a counter."""
        return Counter(self._alone(name, meaning, "counter"), 0)

    def gauge(self, name: str, meaning: str, mode: Mode) -> Gauge:
        """Make a gauge; `mode` is how those of several processes are put together."""
        make = Recent if mode == "mostrecent" else Gauge
        return make(self._alone(name, meaning, "gauge", mode), 0)

    def histogram(self, name: str, meaning: str, buckets: Sequence[float]) -> Histogram:
        """Make a histogram; `buckets` are their upper ends, ascending."""
        ends = tuple(buckets)
        series = Series(self._full(name), meaning, "histogram", self._labels, ends=ends)
        return Histogram(self._place(series), ends)

    def read(self) -> "Counts":
        """Tell what was counted, by all processes together."""
        found = dict[str, tuple[Series, list[float]]]()
        for head, records in together(self._memory.read()).items():
            series = Series.read(head)
            if series.labels == self._labels and series.name.startswith(self._full("")):
                name = series.name.removeprefix(self._full(""))
                found[name] = series, series.sum(records)
        return Counts(found)

    def _full(self, name: str) -> str:
        return f"{self._prefix}_{name}"

    def _alone(self, name: str, meaning: str, kind: Kind, mode: Mode = "livesum") -> Numbers:
        return self._place(Series(self._full(name), meaning, kind, self._labels, mode=mode))

    def _place(self, series: Series) -> Numbers:
        return self._memory.place(series.head(), series.count)


class Counts:
    """What counters said when they were read, by the names that they were made with."""

    def __init__(self, found: Mapping[str, tuple[Series, list[float]]]) -> None:
        self._found = found

    def value(self, name: str) -> float:
        """Give the value of a gauge, or of a counter."""
        _, [value] = self._found[name]
        return value

    def fates(self, name: str) -> dict[str, int]:
        """Give how many met each fate."""
        series, numbers = self._found[name]
        return dict(zip(series.keys, map(int, numbers), strict=True))

    def distribution(self, name: str, *, whole: bool = False) -> Distribution:
        """Give what a histogram saw; `whole` where that are whole numbers."""
        series, numbers = self._found[name]
        return Distribution.of_numbers(series.ends, numbers, whole=whole)


def memory_to_count_in() -> Memory:
    """Give the memory that the server's processes share, or one of its own where it is alone."""
    folder = os.environ.get(SHARED_FOLDER)
    return Memory(None) if folder is None else _shared(folder)


@cache
def _shared(folder: str) -> Memory:
    """Give this process's memory in a folder."""
    return Memory(folder)
