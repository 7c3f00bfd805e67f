"""What a model's queue and batches have been like since it was loaded."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType

from ..common.errors import InvalidInput
from ..observe.counters import SECONDS, Counters, Reading
from ..observe.distribution import Distribution
from ..observe.states import ASKED_SINCE
from .batching import Entry

_SINCE = "counting_since_timestamp_seconds"
_ITEMS = [float(2**power) for power in range(15)]


class Fate(StrEnum):
    """What became of an item."""

    PREDICTED = "predicted"
    FAILED = "failed"
    INVALID = "invalid"
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

    Args:
        model: the model's name.
        version: its version.

    Attributes:
        model: the model's name.
        version: its version.
        asked: set to the time while the model is asked, else to zero.
    """

    def __init__(self, model: str, version: str) -> None:
        self.model, self.version = model, version
        self._counters = counters = Counters("learnwire", {"model": model, "version": version})
        self._items = counters.counts("items", "Items, by what became of them.", Fate)
        self._warned = counters.counter("warned_items", "Items answered with a warning.")
        self._waiting = counters.gauge(
            "waiting_items", "Items that wait for their batch.", "livesum"
        )
        self._queue_wait = counters.histogram(
            "queue_wait_seconds", "How long items waited for their batch.", SECONDS
        )
        self._encoding = counters.histogram(
            "encoding_seconds", "How long items took to be encoded, or rows as a table.", SECONDS
        )
        self._batch_items = counters.histogram("batch_items", "Items in a batch.", _ITEMS)
        self._network = counters.histogram(
            "network_seconds", "How long the model took for a batch.", SECONDS
        )
        self.asked = counters.gauge(
            ASKED_SINCE, "When a model was asked what it has not answered, as Unix time.", "livemin"
        )
        since = counters.gauge(_SINCE, "When counting began, as Unix time.", "min")
        since.set(time.time())

    def count(self, fate: Fate, items: int = 1) -> None:
        """Count items that met this fate."""
        if items:
            self._items[fate].inc(items)

    def misfits(self, items: int = 1) -> "_Misfits":
        """Count items as invalid where InvalidInput is raised inside."""
        return _Misfits(self, items)

    def warn(self, items: int) -> None:
        """Count items that were answered with a warning."""
        self._warned.inc(items)

    def encoded(self, seconds: float) -> None:
        """Note how long an item took to be encoded, or rows that came together."""
        self._encoding.observe(seconds)

    def wait(self, items: int) -> None:
        """Note how many items wait for their batch now."""
        self._waiting.set(items)

    def observe(self, batch: Sequence[Entry], start: float, end: float) -> None:
        """Note a batch that was predicted from `start` to `end`, on the batcher's clock."""
        self._network.observe(end - start)
        self._batch_items.observe(sum(entry.size for entry in batch))
        for entry in batch:
            self._queue_wait.observe(start - entry.admitted_at)

    def read(self, reading: Reading | None = None) -> Tally:
        """Tell what was counted, by all workers together; as a reading of all models has it."""
        counts = self._counters.read(reading)
        return Tally(
            since=datetime.fromtimestamp(counts.value(_SINCE), UTC),
            items={Fate(fate): count for fate, count in counts.fates("items").items()},
            waiting=int(counts.value("waiting_items")),
            queue_wait=counts.distribution("queue_wait_seconds"),
            batch_items=counts.distribution("batch_items", whole=True),
            compute=counts.distribution("network_seconds"),
        )


class _Misfits:
    """See `Statistics.misfits`: a generator would take each call several times as long."""

    __slots__ = ("_items", "_statistics")

    def __init__(self, statistics: Statistics, items: int) -> None:
        self._statistics, self._items = statistics, items

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if isinstance(error, InvalidInput):
            self._statistics.count(Fate.INVALID, self._items)
