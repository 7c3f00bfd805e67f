"""Closed loops: callers that send their next item when the last is answered."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import cycle
from typing import Any

import numpy as np
from learnwire_client import CallError, Client
from numpy.typing import NDArray

from .models import Model, many_items
from .processes import BenchError
from .sample import Sample
from .servers import Served
from .usage import with_use
from .wire import PATIENCE, Ask, connected, explained, probabilities, requests

# Rarely enough to cost nothing.
_LOOK_AT_CLOCK = 64


def sample_unary(
    served: Served, model: Model, in_flight: int, channels: int, seconds: float
) -> Sample:
    """Time calls of one item each, so many in flight over so many channels."""
    bodies = requests(served.wire, model)

    async def take() -> Sample:
        async with asyncio.timeout(seconds + PATIENCE), connected(served, model, channels) as asks:
            return await _closed_loop(asks, bodies, in_flight, seconds)

    with explained(served):
        return with_use(served, lambda: asyncio.run(take()))


def sample_bulk(served: Served, model: Model, items: int, longest: float) -> Sample:
    """Time one `client.predict_many`, ended early after the longest time."""
    values = many_items(model, items)
    with explained(served):
        return with_use(served, lambda: _bulk(served, model, values, longest))


def predictions(served: Served, model: Model, count: int) -> list[NDArray[np.float64]]:
    """Give the probabilities that a server answers for the first items, all asked at once."""

    async def ask_all() -> list[bytes]:
        async with asyncio.timeout(PATIENCE), connected(served, model) as [ask]:
            return await asyncio.gather(*map(ask, requests(served.wire, model)[:count]))

    with explained(served):
        return [probabilities(served.wire, model, answer) for answer in asyncio.run(ask_all())]


async def _closed_loop(
    asks: Sequence[Ask], bodies: list[bytes], in_flight: int, seconds: float
) -> Sample:
    end = time.perf_counter() + seconds
    times = await asyncio.gather(
        *(
            _caller(asks[first % len(asks)], bodies[first:] + bodies[:first], end)
            for first in range(in_flight)
        )
    )
    return Sample.of_callers(times)


async def _caller(ask: Ask, bodies: list[bytes], end: float) -> list[float]:
    """Give the times at which answers came; the first only begins the measurement."""
    ends: list[float] = []
    for body in cycle(bodies):
        await ask(body)
        ends.append(time.perf_counter())
        if ends[-1] > end and len(ends) > 1:
            break
    return ends


def _bulk(served: Served, model: Model, values: Any, longest: float) -> Sample:
    begin, items = time.perf_counter(), 0
    end = begin + longest
    with (
        Client(served.target, timeout=None) as client,
        closing(client.predict_many(model.tag, values)) as answers,
    ):
        for items, answer in enumerate(answers, 1):
            if isinstance(answer, CallError):
                raise BenchError(f"an item of predict_many failed: {answer}")
            if items % _LOOK_AT_CLOCK == 0 and time.perf_counter() > end:
                break
    seconds = time.perf_counter() - begin
    return Sample.of(items / seconds, [seconds], items)
