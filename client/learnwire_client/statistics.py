"""What a server tells of a model's work: what became of its items, how long they waited."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from learnwire.v1 import model_service_pb2 as pb

from .page import Table, as_html, as_text

_BAD_FATES = ("failed", "invalid", "refused", "expired", "cancelled")
HEADER = ("", "mean", "p50", "p90", "p99")


@dataclass(frozen=True)
class Bucket:
    """The values above the bucket before, up to and with the upper bound.

    Attributes:
        upper_bound: the largest value that is counted here; infinite in the last bucket.
        count: how many values.
    """

    upper_bound: float
    count: int


@dataclass(frozen=True)
class Distribution:
    """How values are distributed.

    Attributes:
        count: how many there were.
        sum: of the values.
        p50: what half of them do not exceed, read off the buckets; 0 where there are none.
        p90: the same for 90 %.
        p99: the same for 99 %.
        buckets: how many lie in each range, in ascending order, empty ones left out.
    """

    count: int = 0
    sum: float = 0.0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    buckets: tuple[Bucket, ...] = ()

    @property
    def mean(self) -> float:
        """The values' mean, 0 where there are none."""
        return self.sum / self.count if self.count else 0.0


@dataclass(frozen=True, repr=False)
class ModelStatistics:
    """What happened to a model's items since the server loaded it; its repr is a page to read.

    Usage: `print(client.statistics("penguins"))`

    Attributes:
        model: the model's name.
        version: its version.
        since: when counting began, None where the server does not tell.
        predicted: how many items were answered with a prediction.
        failed: how many failed in the model.
        invalid: how many did not fit the model.
        refused: how many were refused because the queue was full.
        expired: how many were not answered before their deadline.
        cancelled: how many were cancelled before they were answered.
        waiting: how many are waiting now.
        queue_wait_seconds: from arrival to the start of the batch; the rows of a table that are
            asked for together count once.
        batch_items: how many items there were in a batch.
        compute_seconds: what the model took for a batch.
        call_seconds: what calls took in the server, refused and failed ones too, streams of items
            left out; empty where the server does not tell.
        message: all this as it came, as learnwire.v1.ModelStatistics.
    """

    model: str
    version: str
    since: datetime | None
    predicted: int
    failed: int
    invalid: int
    refused: int
    expired: int
    cancelled: int
    waiting: int
    queue_wait_seconds: Distribution
    batch_items: Distribution
    compute_seconds: Distribution
    call_seconds: Distribution
    message: pb.ModelStatistics = field(compare=False)

    @property
    def tag(self) -> str:
        """Name and version: `name:version`."""
        return f"{self.model}:{self.version}"

    def __repr__(self) -> str:
        return as_text(_page(self))

    def _repr_html_(self) -> str:
        return as_html(_page(self))


def _page(statistics: ModelStatistics) -> Iterator[str | Table]:
    since = statistics.since
    yield statistics.tag + (f" since {since:%Y-%m-%d %H:%M} UTC" if since else "")
    yield f"{fates_text(statistics, 'predicted')}; {statistics.waiting} waiting now"
    if statistics.batch_items.count:
        yield Table(
            [
                HEADER,
                row_text("wait for a batch", statistics.queue_wait_seconds, seconds_text),
                row_text("items in a batch", statistics.batch_items, number_text),
                row_text("time of a batch", statistics.compute_seconds, seconds_text),
            ]
        )


@dataclass(frozen=True)
class MemoryLimit:
    """How near a server's memory is to its limit.

    Attributes:
        limit_bytes: what there is.
        held_bytes: what is held of it.
        refused: what is refused since that is nearly all: "", "streams" or "calls".
    """

    limit_bytes: int
    held_bytes: int
    refused: str = ""


@dataclass(frozen=True)
class ServerStatistics:
    """How a server is, and how its models are, all its processes together.

    Usage: `client.server_statistics().memory_bytes / 2**20`

    Attributes:
        read_time: when this was read, by the server's clock.
        processes: how many processes answer calls or load models.
        memory_bytes: what they hold; 0 where the system does not tell.
        models: all served versions, newest first for each model.
        memory_limit: how near its memory is to a limit; None where it has none.
    """

    read_time: datetime
    processes: int
    memory_bytes: int
    models: tuple[ModelStatistics, ...]
    memory_limit: MemoryLimit | None = None


def fates_text(statistics: object, good: str) -> str:
    """Tell how many met each fate, beside the good one; attributes of the statistics."""
    return ", ".join(f"{getattr(statistics, fate)} {fate}" for fate in (good, *_BAD_FATES))


def row_text(name: str, values: Distribution, text: Callable[[float], str]) -> tuple[str, ...]:
    """Give the row of a table that tells of a distribution; see `HEADER`."""
    return name, *map(text, (values.mean, values.p50, values.p90, values.p99))


def seconds_text(seconds: float) -> str:
    """Write a time for people."""
    return f"{number_text(seconds * 1000)} ms" if seconds < 1 else f"{number_text(seconds)} s"


def number_text(value: float) -> str:
    """Write a number of at least zero for people: three digits, or all before the point."""
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"
