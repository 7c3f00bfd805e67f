"""Streams: many items on one call, each answered as soon as it is ready."""

import asyncio
import time
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from typing import TYPE_CHECKING, TypeAlias

import grpc
from learnwire.v1.prediction_service_pb2 import PredictStreamRequest, PredictStreamResponse
from learnwire_client.inputs import predict_request

from .models import Model, single_items
from .processes import BenchError
from .sample import Sample
from .servers import Served
from .usage import with_use
from .wire import PATIENCE, explained

if TYPE_CHECKING:
    Call: TypeAlias = grpc.aio.StreamStreamCall[bytes, PredictStreamResponse]
    Method: TypeAlias = grpc.aio.StreamStreamMultiCallable[bytes, PredictStreamResponse]

_METHOD = "/learnwire.v1.PredictionService/PredictStream"


def sample_stream(served: Served, model: Model, in_flight: int, seconds: float) -> Sample:
    """Time the items of one stream, so many of them unanswered at any time."""
    messages = cycle(_messages(model))

    async def take() -> Sample:
        async with (
            asyncio.timeout(seconds + PATIENCE),
            grpc.aio.insecure_channel(served.target) as channel,
        ):
            read = PredictStreamResponse.FromString
            method: Method = channel.stream_stream(_METHOD, response_deserializer=read)
            return await _stream(method(), messages, in_flight, seconds)

    with explained(served):
        return with_use(served, lambda: asyncio.run(take()))


@cache
def _messages(model: Model) -> list[tuple[str, bytes]]:
    """Give the requests, each with its id."""
    asked = [predict_request(model.tag, item) for item in single_items(model)]
    return [
        (str(number), PredictStreamRequest(id=str(number), request=request).SerializeToString())
        for number, request in enumerate(asked)
    ]


async def _stream(
    call: "Call", messages: Iterator[tuple[str, bytes]], in_flight: int, seconds: float
) -> Sample:
    """Let callers share the stream, each sending its next item when its last is answered."""
    callers: list[list[float]] = [[] for _ in range(in_flight)]
    waiting: dict[str, list[float]] = {}

    async def send(caller: list[float]) -> None:
        identity, message = next(messages)
        waiting[identity] = caller
        await call.write(message)

    end = time.perf_counter() + seconds
    for caller in callers:
        await send(caller)
    while waiting:
        answer = await call.read()
        if not isinstance(answer, PredictStreamResponse) or answer.WhichOneof("result") == "status":
            raise BenchError(f"a stream failed: {answer}")
        caller = waiting.pop(answer.id)
        caller.append(time.perf_counter())
        if caller[-1] <= end or len(caller) < 2:
            await send(caller)
    await call.done_writing()
    return Sample.of_callers(callers)
