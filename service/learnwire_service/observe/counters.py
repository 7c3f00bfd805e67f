"""Counters, gauges and histograms of one thing, which several processes may fill together."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from .distribution import Distribution

# Where the processes of one server count together. prometheus_client reads the second one when it
# is imported, and a process that serves alone may have been given that for something else.
SHARED_FOLDER = "LEARNWIRE_COUNTS"
PROMETHEUS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

SECONDS = [float(f"{base}e{power}") for power in range(-5, 2) for base in (1, 2, 5)]

_FATE = "fate"


class Counters:
    """Makes what counts for one thing, and reads it, for any thread.

    Where several workers serve, each counts in a file of its own, which outlives it, and what
    is read is the sum of them all.

    Args:
        prefix: how the metrics' names begin, apart from those of other kinds of things.
        labels: which thing it is.
    """

    def __init__(self, prefix: str, labels: Mapping[str, str]) -> None:
        self._prefix, self._labels = prefix, dict(labels)
        self._registry = CollectorRegistry()

    def counts(self, name: str, meaning: str, fates: Iterable[str]) -> dict[str, Counter]:
        """Make a counter for each fate."""
        labels = (*self._labels, _FATE)
        counter = Counter(f"{self._prefix}_{name}", meaning, labels, registry=self._registry)
        return {fate: counter.labels(**self._labels, fate=fate) for fate in fates}

    def gauge(self, name: str, meaning: str, mode: Literal["livesum", "min"]) -> Gauge:
        """Make a gauge; `mode` is how those of several processes are put together."""
        return Gauge(
            f"{self._prefix}_{name}",
            meaning,
            tuple(self._labels),
            registry=self._registry,
            multiprocess_mode=mode,
        ).labels(**self._labels)

    def histogram(self, name: str, meaning: str, buckets: list[float]) -> Histogram:
        """Make a histogram."""
        return Histogram(
            f"{self._prefix}_{name}",
            meaning,
            tuple(self._labels),
            registry=self._registry,
            buckets=buckets,
        ).labels(**self._labels)

    def read(self) -> "Counts":
        """Tell what was counted, by all processes together."""
        found = defaultdict[str, dict[str, float]](dict)
        for metric in self._collect():
            for sample in metric.samples:
                if self._labels.items() <= sample.labels.items():
                    key = sample.labels.get("le") or sample.labels.get(_FATE) or ""
                    found[sample.name.removeprefix(f"{self._prefix}_")][key] = sample.value
        return Counts(found)

    def _collect(self) -> Iterable[Metric]:
        folder = os.environ.get(SHARED_FOLDER)
        if folder is None:
            return self._registry.collect()
        metrics: Iterable[Metric] = MultiProcessCollector.merge(list(_written(folder)))
        return metrics


class Counts:
    """What counters said when they were read, by the names that they were made with."""

    def __init__(self, found: Mapping[str, Mapping[str, float]]) -> None:
        self._found = found

    def value(self, name: str) -> float:
        """Give the value of a gauge."""
        return self._found[name][""]

    def fates(self, name: str) -> dict[str, int]:
        """Give how many met each fate."""
        return {fate: int(count) for fate, count in self._found[f"{name}_total"].items()}

    def distribution(self, name: str, *, whole: bool = False) -> Distribution:
        """Give what a histogram saw; `whole` where that are whole numbers."""
        buckets = self._found[f"{name}_bucket"].items()
        cumulated = ((float(end), count) for end, count in buckets)
        return Distribution.of(self._found[f"{name}_sum"][""], cumulated, whole=whole)


def _written(folder: str) -> Iterator[str]:
    """Give the files of all workers, but for one that has only just been made."""
    for file in os.scandir(folder):
        with suppress(FileNotFoundError):  # that of a worker that has just ended
            if file.stat().st_size:
                yield file.path
