"""Loads that a server cannot bear: calls that come at random, more of them than it can answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from .frames import Connection
from .open_loop import random_times

# As many as a caller of ours would wait, at the most.
PATIENCE = 5
_CONNECTIONS = 4
_TICK = 0.001
_ALONE = 20
# A call takes as long as before, if so many in a row take at most twice as long, or little more.
_IN_A_ROW, _LITTLE, _LONGEST = 3, 0.005, 30.0
_METHOD = "/learnwire.v1.PredictionService/Predict"


@dataclass(frozen=True)
class Flood:
    """What became of a load.

    Attributes:
        offered: how many calls were sent, each second.
        good: how many were answered in time, each second.
        refused: how many were refused at once, or ended without an answer, each second.
        p50_ms: the median latency of those that were answered, from the time when each was due.
        p99_ms: the 99th percentile.
        normal_s: after how many seconds without load a call took as long as before.
    """

    offered: float
    good: float
    refused: float
    p50_ms: float
    p99_ms: float
    normal_s: float


def capacity(target: str, bodies: Sequence[bytes], callers: int, seconds: float) -> float:
    """Tell how many calls a server answers each second, where so many callers ask over and over."""

    async def take() -> float:
        count, begin, messages = 0, time.perf_counter(), cycle(bodies)
        over = asyncio.Event()

        def ended(connection: object, answered: bool) -> None:
            nonlocal count
            count += answered
            if time.perf_counter() - begin > seconds:
                over.set()
            elif isinstance(connection, Connection):
                connection.send([(connection, next(messages))])

        async with _connected(target, ended) as connections:
            for one in islice(cycle(connections), callers):
                one.send([(one, next(messages))])
            async with asyncio.timeout(seconds + PATIENCE):
                await over.wait()
            return count / (time.perf_counter() - begin)

    return asyncio.run(take())


def flood(target: str, bodies: Sequence[bytes], rate: float, seconds: float) -> Flood:
    """Send so many calls a second, then wait until the server is as it was before."""
    return asyncio.run(_Flood(target, bodies).take(random_times(rate, seconds), seconds))


class _Flood:
    def __init__(self, target: str, bodies: Sequence[bytes]) -> None:
        self._target, self._bodies = target, cycle(bodies)
        self._ends: list[tuple[float, float]] = []
        self._refused = 0
        self._left: set[object] = set()

    async def take(self, dues: Sequence[float], seconds: float) -> Flood:
        alone = [await self._one() for _ in range(_ALONE)]
        async with _connected(self._target, self._ended) as connections:
            begin, sent = time.perf_counter(), 0
            dues = [begin + due for due in dues]
            turns = cycle(connections)
            while sent < len(dues):
                now, first = time.perf_counter(), sent
                while sent < len(dues) and dues[sent] <= now:
                    sent += 1
                if sent > first:
                    self._left.update(dues[first:sent])
                    messages = islice(self._bodies, sent - first)
                    next(turns).send(zip(dues[first:sent], messages, strict=True))
                await asyncio.sleep(_TICK)
            took = time.perf_counter() - begin
            normal = await self._until_normal(float(np.median(alone)))
            await self._until_ended()
        latencies = [end - due for due, end in self._ends if end - due <= PATIENCE] or [np.nan]
        in_time = sum(end - begin <= took and end - due <= PATIENCE for due, end in self._ends)
        p50, p99 = np.percentile(latencies, [50, 99]) * 1000
        return Flood(
            offered=len(dues) / took,
            good=in_time / took,
            refused=self._refused / took,
            p50_ms=float(p50),
            p99_ms=float(p99),
            normal_s=normal,
        )

    def _ended(self, due: object, answered: bool) -> None:
        self._left.discard(due)
        if answered and isinstance(due, float):
            self._ends.append((due, time.perf_counter()))
        else:
            self._refused += 1

    async def _until_ended(self) -> None:
        end = time.perf_counter() + _LONGEST
        while self._left and time.perf_counter() < end:
            await asyncio.sleep(0.05)

    async def _until_normal(self, usual: float) -> float:
        """Give the seconds until calls, one after the other, take as long as usual again."""
        begin, in_a_row, first = time.perf_counter(), 0, 0.0
        while in_a_row < _IN_A_ROW and (now := time.perf_counter()) - begin < _LONGEST:
            seconds = await self._one()
            in_a_row = in_a_row + 1 if seconds <= 2 * usual + _LITTLE else 0
            first = now - begin if in_a_row == 1 else first
            if not np.isfinite(seconds):
                await asyncio.sleep(0.02)
        return first if in_a_row else _LONGEST

    async def _one(self) -> float:
        """Give the seconds that one call takes, on a connection of its own; infinite if refused."""
        over = asyncio.get_running_loop().create_future()
        async with _connected(self._target, lambda _, it: over.set_result(it), 1) as [connection]:
            begin = time.perf_counter()
            connection.send([(None, next(self._bodies))])
            answered = await over
            return time.perf_counter() - begin if answered else float("inf")


@asynccontextmanager
async def _connected(
    target: str, ended: Callable[[object, bool], None], count: int = _CONNECTIONS
) -> AsyncIterator[list[Connection]]:
    host, _, port = target.rpartition(":")
    connections = [Connection(target, _METHOD, PATIENCE, ended) for _ in range(count)]
    try:
        for one in connections:
            await one.open(host, int(port))
        yield connections
    finally:
        for one in connections:
            one.close()
