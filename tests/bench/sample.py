"""One measurement of one contender."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

_FEWEST_CALLS = 3


@dataclass(frozen=True)
class Sample:
    """How fast one contender was, once.

    Attributes:
        rate: items a second.
        items: how many items were timed.
        p50_ms: the median latency of a call, in milliseconds.
        p95_ms: the 95th percentile.
        p99_ms: the 99th percentile.
        busy: the share of its core that the contender used.
        client_busy: the share of its core that the client used, where there is a client.
        late_ms: the 99th percentile of how late calls were sent, where they had a time.
    """

    rate: float
    items: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    busy: float = 0
    client_busy: float | None = None
    late_ms: float | None = None

    @property
    def cpu_us(self) -> float:
        """How long a core worked on an item, in microseconds."""
        return 1e6 * self.busy / self.rate

    @classmethod
    def of(cls, rate: float, latencies: Sequence[float], items: int = 1) -> Self:
        """Sum up calls of so many items each by their latencies in seconds."""
        p50, p95, p99 = (float(p) for p in np.percentile(latencies, [50, 95, 99]) * 1000)
        return cls(rate, items * len(latencies), p50, p95, p99)

    @classmethod
    def of_callers(cls, times: Sequence[Sequence[float]]) -> Self:
        """Sum up callers by the times of their answers; the first of each only begins.

        Each counts whole calls over its own time, so that where answers come many at once none
        is lost or won at the end.
        """
        rate = sum((len(ends) - 1) / (ends[-1] - ends[0]) for ends in times)
        return cls.of(rate, np.concatenate([np.diff(ends) for ends in times]).tolist())


def sample_calls(call: Callable[[], object], items: int, seconds: float) -> Sample:
    """Time a call over and over, each of that many items, after one that does not count."""
    call()
    begin_used, times = time.process_time(), [time.perf_counter()]
    end = times[0] + seconds
    while times[-1] < end or len(times) <= _FEWEST_CALLS:
        call()
        times.append(time.perf_counter())
    latencies = np.diff(times).tolist()
    used = time.process_time() - begin_used
    sample = Sample.of(items * len(latencies) / sum(latencies), latencies, items)
    return replace(sample, busy=used / sum(latencies))
