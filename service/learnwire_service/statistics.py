"""What a model's queue and batches have been like since it was loaded."""

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from .batching import Entry
from .distribution import Distribution

# Where the processes of one server count together. prometheus_client reads the second one when it
# is imported, and a process that serves alone may have been given that for something else.
SHARED_FOLDER = "LEARNWIRE_COUNTS"
PROMETHEUS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_LABELS = ("model", "version")
_SECONDS = [float(f"{base}e{power}") for power in range(-5, 2) for base in (1, 2, 5)]
_ITEMS = [float(2**power) for power in range(15)]


class Fate(StrEnum):
    """What became of an item."""

    PREDICTED = "predicted"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Tally:
    """What statistics said when they were read.

    Attributes:
        since: when the counting began.
        items: how many items met each fate.
        waiting: how many waited for their batch.
        queue_wait: seconds that an item waited for its batch, encoding included.
        batch_items: items in a batch.
        compute: seconds that the model took for a batch.
    """

    since: datetime
    items: Mapping[Fate, int]
    waiting: int
    queue_wait: Distribution
    batch_items: Distribution
    compute: Distribution


class Statistics:
    """Counts and distributions of one model, for any thread to add to and to read.

    Where several workers serve, each counts in a file of its own, which outlives it, and what
    is read is the sum of them all.

    Args:
        model: the model's name.
        version: its version.
    """

    def __init__(self, model: str, version: str) -> None:
        self._names = [model, version]
        self._registry = CollectorRegistry()
        items = Counter("learnwire_items", "Items", (*_LABELS, "fate"), registry=self._registry)
        self._items = {fate: items.labels(model, version, fate) for fate in Fate}
        self._waiting = self._gauge("waiting_items", "Items that wait for their batch", "livesum")
        self._queue_wait = self._histogram("queue_wait_seconds", "Seconds in the queue", _SECONDS)
        self._batch_items = self._histogram("batch_items", "Items in a batch", _ITEMS)
        self._compute = self._histogram("compute_seconds", "Seconds for a batch", _SECONDS)
        self._gauge("since_seconds", "When counting began, as Unix time", "min").set(time.time())

    def count(self, fate: Fate, items: int = 1) -> None:
        """Count items that met this fate."""
        if items:
            self._items[fate].inc(items)

    def wait(self, items: int) -> None:
        """Note how many items wait for their batch now."""
        self._waiting.set(items)

    def observe(self, batch: Sequence[Entry], start: float, end: float) -> None:
        """Note a batch that was predicted from `start` to `end`, on the batcher's clock."""
        self._compute.observe(end - start)
        self._batch_items.observe(sum(entry.size for entry in batch))
        for entry in batch:
            self._queue_wait.observe(start - entry.admitted_at)

    def read(self) -> Tally:
        """Tell what was counted, by all workers together."""
        found = defaultdict[str, dict[str, float]](dict)
        for metric in self._collect():
            for sample in metric.samples:
                *names, end, fate = map(sample.labels.get, (*_LABELS, "le", "fate"))
                if names == self._names:
                    found[sample.name][end or fate or ""] = sample.value
        return Tally(
            since=datetime.fromtimestamp(found["learnwire_since_seconds"][""], UTC),
            items={Fate(f): int(n) for f, n in found["learnwire_items_total"].items()},
            waiting=int(found["learnwire_waiting_items"][""]),
            queue_wait=_distribution(found, "queue_wait_seconds"),
            batch_items=_distribution(found, "batch_items", whole=True),
            compute=_distribution(found, "compute_seconds"),
        )

    def _collect(self) -> Iterable[Metric]:
        folder = os.environ.get(SHARED_FOLDER)
        if folder is None:
            return self._registry.collect()
        metrics: Iterable[Metric] = MultiProcessCollector.merge(list(_written(folder)))
        return metrics

    def _gauge(self, name: str, meaning: str, mode: Literal["livesum", "min"]) -> Gauge:
        gauge = Gauge(
            f"learnwire_{name}", meaning, _LABELS, registry=self._registry, multiprocess_mode=mode
        )
        return gauge.labels(*self._names)

    def _histogram(self, name: str, meaning: str, buckets: list[float]) -> Histogram:
        histogram = Histogram(
            f"learnwire_{name}", meaning, _LABELS, registry=self._registry, buckets=buckets
        )
        return histogram.labels(*self._names)


def _distribution(
    found: Mapping[str, Mapping[str, float]], name: str, *, whole: bool = False
) -> Distribution:
    cumulated = ((float(end), count) for end, count in found[f"learnwire_{name}_bucket"].items())
    return Distribution.of(found[f"learnwire_{name}_sum"][""], cumulated, whole=whole)


def _written(folder: str) -> Iterator[str]:
    """Give the files of all workers, but for one that has only just been made."""
    for file in os.scandir(folder):
        with suppress(FileNotFoundError):  # that of a worker that has just ended
            if file.stat().st_size:
                yield file.path
