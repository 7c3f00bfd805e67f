"""Counters, gauges and histograms of one thing, which several processes may fill together."""

import math
import os
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from threading import Lock

from .distribution import Distribution
from .memory import SHARED_FOLDER, Memory, Numbers, Record, read, together
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
        self._numbers[0], self._numbers[1] = value, time.monotonic()


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
        memory: where it counts; None: see `memory_to_count_in`, for its version if it has one.
    """

    def __init__(
        self, prefix: str, labels: Mapping[str, str], memory: Memory | None = None
    ) -> None:
        self._prefix, self._labels = prefix, dict(labels)
        version = labels.get("version") and f"{labels['model']}:{labels['version']}"
        self._memory = memory or memory_to_count_in(version or "")

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

    def read(self, reading: "Reading | None" = None) -> "Counts":
        """Tell what was counted, by all processes together; as a reading of all things has it."""
        reading = reading or Reading(self._memory.read())
        prefix = self._full("")
        found = [one for one in reading.of(self._labels) if one[0].name.startswith(prefix)]
        return Counts({one[0].name.removeprefix(prefix): one for one in found})

    def _full(self, name: str) -> str:
        return f"{self._prefix}_{name}"

    def _alone(self, name: str, meaning: str, kind: Kind, mode: Mode = "livesum") -> Numbers:
        return self._place(Series(self._full(name), meaning, kind, self._labels, mode=mode))

    def _place(self, series: Series) -> Numbers:
        return self._memory.place(series.head(), series.count)


class Reading:
    """All that was counted when it was read, once for many that ask.

    Args:
        records: what processes have counted.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._found = defaultdict[frozenset[tuple[str, str]], list[tuple[Series, list[float]]]](
            list
        )
        for head, some in together(records).items():
            series = Series.read(head)
            self._found[frozenset(series.labels.items())].append((series, series.sum(some)))

    @classmethod
    def shared(cls) -> "Reading | None":
        """Read what the server's processes count together; None where it is alone."""
        folder = os.environ.get(SHARED_FOLDER)
        return None if folder is None else cls(read(folder))

    def of(self, labels: Mapping[str, str]) -> list[tuple[Series, list[float]]]:
        """Give what was counted of a thing."""
        return self._found.get(frozenset(labels.items()), [])

    def __iter__(self) -> Iterator[tuple[Series, list[float]]]:
        """Give all that was counted."""
        return chain.from_iterable(self._found.values())


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


def memory_to_count_in(version: str = "") -> Memory:
    """Give the memory that the server's processes share, or one of its own where it is alone.

    Args:
        version: the tag of the version of which it is to be alone; "": it is of many things.
    """
    folder = os.environ.get(SHARED_FOLDER)
    if folder is None:
        return Memory(None, version)
    with _lock:
        place = folder, version
        if (memory := _shared.get(place)) is None:
            memory = _shared[place] = Memory(folder, version.replace(":", "@"))
        return memory


def forget_counts(version: str) -> None:
    """Give up what this process, and those that have died, counted of a version."""
    with _lock:
        memory = _shared.pop((os.environ.get(SHARED_FOLDER, ""), version), None)
    if memory is not None:
        memory.forget()


# What this process shares, by the folder and the version.
_shared: dict[tuple[str, str], Memory] = {}
_lock = Lock()
