"""The load on the servers, from a client in a process of its own."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache
from itertools import cycle
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import grpc
import numpy as np
import psutil
from learnwire.v1.prediction_service_pb2 import PredictResponse
from learnwire_client import CallError, Client
from learnwire_client.inputs import predict_request
from numpy.typing import NDArray

from .models import Model, many_items, single_items
from .processes import BenchError, Served
from .sample import Sample

if TYPE_CHECKING:
    Answer = TypeVar("Answer")
    Unary: TypeAlias = grpc.aio.UnaryUnaryMultiCallable[bytes, Answer]

_METHOD = "/learnwire.v1.PredictionService/Predict"
# Rarely enough to cost nothing.
_LOOK_AT_CLOCK = 64


def sample_unary(served: Served, model: Model, in_flight: int, seconds: float) -> Sample:
    """Time calls of one item each, so many in flight, each answered before the next is sent.

    The requests are bytes made before, and the answers stay bytes: the client is not the limit.
    """
    requests = _requests(model)
    return _with_use(served, lambda: asyncio.run(_unary(served, requests, in_flight, seconds)))


def sample_bulk(served: Served, model: Model, items: int, longest: float) -> Sample:
    """Time one `client.predict_many`, ended early after the longest time."""
    values = many_items(model, items)
    return _with_use(served, lambda: _bulk(served, model, values, longest))


def predictions(served: Served, model: Model, count: int) -> list[NDArray[np.float64]]:
    """Give the probabilities that a server answers for the first items, all asked at once."""
    with _explained(served):
        return asyncio.run(_predictions(served, _requests(model)[:count]))


@cache
def _requests(model: Model) -> list[bytes]:
    return [predict_request(model.tag, item).SerializeToString() for item in single_items(model)]


async def _unary(served: Served, requests: list[bytes], in_flight: int, seconds: float) -> Sample:
    async with grpc.aio.insecure_channel(served.target) as channel:
        call: Unary[bytes] = channel.unary_unary(_METHOD)
        end = time.perf_counter() + seconds
        times = await asyncio.gather(
            *(_caller(call, requests[first:] + requests[:first], end) for first in range(in_flight))
        )
    # Each caller counts whole calls over its own time, so that where answers come many at once
    # none is lost or won at the end.
    rate = sum((len(ends) - 1) / (ends[-1] - ends[0]) for ends in times)
    return Sample.of(rate, np.concatenate([np.diff(ends) for ends in times]).tolist())


async def _caller(call: "Unary[bytes]", requests: list[bytes], end: float) -> list[float]:
    """Give the times at which answers came; the first only begins the measurement."""
    ends: list[float] = []
    for request in cycle(requests):
        await call(request)
        ends.append(time.perf_counter())
        if ends[-1] > end and len(ends) > 1:
            break
    return ends


async def _predictions(served: Served, requests: list[bytes]) -> list[NDArray[np.float64]]:
    async with grpc.aio.insecure_channel(served.target) as channel:
        call: Unary[PredictResponse] = channel.unary_unary(
            _METHOD, None, PredictResponse.FromString
        )
        responses = await asyncio.gather(*map(call, requests))
    return [np.array(answer.prediction.single_label.probabilities) for answer in responses]


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


def _with_use(served: Served, sample: Callable[[], Sample]) -> Sample:
    """Add to a sample how busy the client and the server were."""
    server = psutil.Process(served.pid)
    begin, client_begin, server_begin = time.perf_counter(), time.process_time(), _used(server)
    with _explained(served):
        taken = sample()
    seconds = time.perf_counter() - begin
    return replace(
        taken,
        busy=(_used(server) - server_begin) / seconds,
        client_busy=(time.process_time() - client_begin) / seconds,
    )


@contextmanager
def _explained(served: Served) -> Iterator[None]:
    """Turn a failed call into what can leave this process."""
    try:
        yield
    except (grpc.RpcError, CallError) as error:
        raise BenchError(f"a call to {served.target} failed: {error}") from None


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
