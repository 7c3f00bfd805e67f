"""A server that is looked at again and again, and what happened between two looks."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from learnwire_client import (
    AsyncClient,
    CallError,
    DeadlineExceeded,
    EndpointStatistics,
    ModelStatistics,
    ServerStatistics,
    Unavailable,
)
from learnwire_client.statistics import Distribution

from ..observe.counters import SECONDS
from ..observe.distribution import Distribution as Values

_ENDS = (*SECONDS, inf)


class Reading(NamedTuple):
    """What a server told once.

    Attributes:
        server: of its processes.
        parts: of versions of models, then of endpoints, by their names.
    """

    server: ServerStatistics
    parts: dict[str, ModelStatistics | EndpointStatistics]


@dataclass(frozen=True)
class Rates:
    """What happened to a model or an endpoint between two readings.

    Attributes:
        calls: how many calls ended each second.
        p50: the seconds that half of these calls did not exceed; None where there were none.
        p99: the same for 99 % of them.
        items: how many items a model answered each second; None of an endpoint.
        waiting: how many items wait for a batch now, or how many calls an endpoint answers.
        batch: the mean of the items in a batch; None where there was none.
        refused: how many items, or calls of an endpoint, were refused each second.
        failed: how many failed each second, or were not answered in time.
    """

    calls: float
    p50: float | None
    p99: float | None
    items: float | None
    waiting: int
    batch: float | None
    refused: float
    failed: float


class Watched:
    """A server, and what it told last.

    Args:
        target: where it is.
        client: asks it.

    Attributes:
        target: where it is.
        before: what it told one look ago; None where it did not.
        now: what it tells; None where it does not.
        problem: why not; "" where it is down, or tells.
    """

    def __init__(self, target: str, client: AsyncClient) -> None:
        self.target = target
        self.before: Reading | None = None
        self.now: Reading | None = None
        self.problem = ""
        self._client = client

    async def look(self) -> None:
        """Ask it what it does."""
        self.before, self.now, self.problem = self.now, None, ""
        try:
            self.now = await _read(self._client)
        except (Unavailable, DeadlineExceeded):
            pass
        except CallError as error:
            self.problem = f"{error.code.name}: {error.message}"

    def rates(self) -> dict[str, Rates | None]:
        """Tell what happened since the last look, by names; None of what is new since then."""
        if self.now is None:
            return {}
        before = self.before.parts if self.before else {}
        seconds = 0.0
        if self.before is not None:
            then = self.before.server.read_time
            seconds = (self.now.server.read_time - then).total_seconds()
        return {
            name: _rates(before[name], part, seconds)
            if seconds > 0 and name in before and before[name].since == part.since
            else None
            for name, part in self.now.parts.items()
        }


async def _read(client: AsyncClient) -> Reading:
    server, endpoints = await asyncio.gather(client.server_statistics(), client.endpoints())
    told = await asyncio.gather(*(client.endpoint_statistics(one.name) for one in endpoints))
    models = {one.tag: one for one in server.models}
    return Reading(server, {**models, **{one.endpoint: one for one in told}})


def _rates(
    then: ModelStatistics | EndpointStatistics,
    now: ModelStatistics | EndpointStatistics,
    seconds: float,
) -> Rates:
    def rate(*fates: str) -> float:
        counts: list[int] = [getattr(now, fate) - getattr(then, fate) for fate in fates]
        return sum(counts) / seconds

    items = batch = None
    if isinstance(now, ModelStatistics) and isinstance(then, ModelStatistics):
        waiting, items = now.waiting, rate("predicted")
        calls = _between(then.call_seconds, now.call_seconds)
        batches = _between(then.batch_items, now.batch_items)
        batch = batches.sum / batches.count if batches.count else None
    elif isinstance(now, EndpointStatistics) and isinstance(then, EndpointStatistics):
        waiting, calls = now.in_flight, _between(then.seconds, now.seconds)
    return Rates(
        calls=calls.count / seconds,
        p50=calls.quantile(0.5) if calls.count else None,
        p99=calls.quantile(0.99) if calls.count else None,
        items=items,
        waiting=waiting,
        batch=batch,
        refused=rate("refused"),
        failed=rate("failed", "expired"),
    )


def _between(then: Distribution, now: Distribution) -> Values:
    """Give the values that came in between; empty buckets are not sent, so they are added."""
    counts = Counter(dict.fromkeys(_ENDS, 0))
    counts.update({one.upper_bound: one.count for one in now.buckets})
    counts.subtract({one.upper_bound: one.count for one in then.buckets})
    return Values(now.sum - then.sum, tuple(sorted(counts.items())))
