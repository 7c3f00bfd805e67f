"""What a model's queue and batches have been like since it was loaded."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock

from prometheus_client import Histogram

from .batching import Entry

_SECONDS = [float(f"{base}e{power}") for power in range(-5, 2) for base in (1, 2, 5)]
_ITEMS = [float(2**power) for power in range(15)]


class Fate(StrEnum):
    """What became of an item."""

    PREDICTED = "predicted"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Statistics:
    """Counts and distributions of one model, for any thread to add to and to read.

    Attributes:
        since: when the counting began.
        queue_wait: seconds that an item waited for its batch, encoding included.
        batch_items: items in a batch.
        compute: seconds that the model took for a batch.
    """

    def __init__(self) -> None:
        self.since = datetime.now(UTC)
        self.queue_wait = _histogram("queue_wait_seconds", "Seconds in the queue", _SECONDS)
        self.batch_items = _histogram("batch_items", "Items in a batch", _ITEMS)
        self.compute = _histogram("compute_seconds", "Seconds for a batch", _SECONDS)
        self._items: Counter[Fate] = Counter()
        self._lock = Lock()

    def count(self, fate: Fate, items: int = 1) -> None:
        """Count items that met this fate."""
        if items:
            with self._lock:
                self._items[fate] += items

    def observe(self, batch: Sequence[Entry], start: float, end: float) -> None:
        """Note a batch that was predicted from `start` to `end`, on the batcher's clock."""
        self.compute.observe(end - start)
        self.batch_items.observe(sum(entry.size for entry in batch))
        for entry in batch:
            self.queue_wait.observe(start - entry.admitted_at)

    def items(self, fate: Fate) -> int:
        """Tell how many items met this fate."""
        return self._items[fate]


@dataclass(frozen=True)
class Distribution:
    """How values, none below zero, were distributed when a histogram was read.

    Attributes:
        sum: of the values.
        buckets: for each range its upper end, and how many values lie above the one before
            and not above it; in ascending order, the last end infinite.
        whole: whether the values are whole numbers.
    """

    sum: float
    buckets: tuple[tuple[float, int], ...]
    whole: bool = False

    @classmethod
    def of(cls, histogram: Histogram, *, whole: bool = False) -> "Distribution":
        """Read a histogram."""
        [metric] = histogram.collect()
        total, bounds, cumulated = 0.0, list[float](), list[int]()
        for sample in metric.samples:
            if sample.name == f"{metric.name}_sum":
                total = sample.value
            elif sample.name == f"{metric.name}_bucket":
                bounds.append(float(sample.labels["le"]))
                cumulated.append(int(sample.value))
        counts = (count - below for below, count in zip([0, *cumulated], cumulated, strict=False))
        return cls(total, tuple(zip(bounds, counts, strict=True)), whole)

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(count for _, count in self.buckets)

    def quantile(self, share: float) -> float:
        """Estimate the value that this share of them, above 0 and below 1, does not exceed.

        As Prometheus does: as though the values of a bucket were spread evenly over it, and
        those of the last were at its lower end. Yet no value that so many others reach or
        exceed can be so large that together they exceed the sum.
        """
        count = self.count
        if not count:
            return 0.0
        rank = share * count
        estimate, most = self._estimate(rank), self.sum / (count - math.ceil(rank) + 1)
        return min(math.ceil(estimate), math.floor(most)) if self.whole else min(estimate, most)

    def _estimate(self, rank: float) -> float:
        lower, below = 0.0, 0
        for upper, count in self.buckets:
            if math.isinf(upper):
                break
            if below + count >= rank:
                return lower + (upper - lower) * (rank - below) / count
            lower, below = upper, below + count
        return lower


def _histogram(name: str, meaning: str, buckets: list[float]) -> Histogram:
    return Histogram(f"learnwire_{name}", meaning, registry=None, buckets=buckets)
