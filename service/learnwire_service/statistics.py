"""What a model's queue and batches have been like since it was loaded."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock

from prometheus_client import Histogram

from .batching import Entry

_SECONDS = [base * 10.0**power for power in range(-5, 2) for base in (1, 2, 5)]
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


def _histogram(name: str, meaning: str, buckets: list[float]) -> Histogram:
    return Histogram(f"learnwire_{name}", meaning, registry=None, buckets=buckets)
