"""Open loops: calls that are sent when they are due, whatever is still unanswered."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle

import numpy as np

from .models import Model
from .sample import Sample
from .servers import Served
from .usage import with_use
from .wire import PATIENCE, Ask, connected, explained, requests

_FEWEST_CALLS = 16
_SECONDS_BEFORE = 0.05
# A timer of asyncio's may be a millisecond late: what remains then is waited for by looking.
_SECONDS_LATE = 0.002


def sample_open_loop(served: Served, model: Model, rate: float, seconds: float) -> Sample:
    """Time calls that come at random, so many a second, each from the time when it is due."""
    bodies = requests(served.wire, model)
    dues = random_times(rate, seconds)

    async def take() -> Sample:
        async with asyncio.timeout(dues[-1] + PATIENCE), connected(served, model) as [ask]:
            await ask(bodies[0])
            return await _open_loop(ask, bodies, dues)

    with explained(served):
        return with_use(served, lambda: asyncio.run(take()))


def random_times(rate: float, seconds: float) -> list[float]:
    """Give the times of calls that know nothing of each other, a Poisson process of that count.

    They are the same for all contenders, but for their scale.
    """
    count = max(_FEWEST_CALLS, round(rate * seconds))
    times: list[float] = np.sort(np.random.default_rng(0).uniform(0, count / rate, count)).tolist()
    return times


async def _open_loop(ask: Ask, bodies: Iterable[bytes], dues: list[float]) -> Sample:
    begin = time.perf_counter() + _SECONDS_BEFORE
    calls: list[asyncio.Task[float]] = []
    lates: list[float] = []
    for offset, body in zip(dues, cycle(bodies), strict=False):
        due = begin + offset
        lates.append(await _wait_until(due))
        calls.append(asyncio.create_task(_timed(ask, body, due)))
    latencies = await asyncio.gather(*calls)
    rate = len(dues) / (time.perf_counter() - begin)
    late_ms = float(np.percentile(lates, 99)) * 1000
    return replace(Sample.of(rate, latencies), late_ms=late_ms)


async def _wait_until(due: float) -> float:
    """Give by how much it is later than that."""
    while (left := due - time.perf_counter()) > 0:
        await asyncio.sleep(max(0, left - _SECONDS_LATE))
    return -left


async def _timed(ask: Ask, body: bytes, due: float) -> float:
    await ask(body)
    return time.perf_counter() - due
