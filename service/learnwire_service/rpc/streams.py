"""PredictStream's answers: each item by itself, as soon as it is ready."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from learnwire.v1 import prediction_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.errors import Violation

from ..errors import InvalidInput
from .calls import log_unexpected
from .status import to_status

_WINDOW = 64

Predict = Callable[[pb.PredictRequest], Awaitable[prediction_pb2.Prediction]]


async def answer_stream(
    requests: AsyncIterator[pb.PredictStreamRequest], predict: Predict
) -> AsyncIterator[pb.PredictStreamResponse]:
    """Answer each request exactly once; no more than a window of them is read ahead of the answers.

    Args:
        requests: the stream as it comes.
        predict: answers one request, or raises.
    """
    answers: asyncio.Queue[pb.PredictStreamResponse | None] = asyncio.Queue()
    window = asyncio.Semaphore(_WINDOW)
    reader = asyncio.create_task(_read(requests, predict, answers, window))
    try:
        while (answer := await answers.get()) is not None:
            yield answer
            window.release()
        await reader
    finally:
        reader.cancel()


async def _read(
    requests: AsyncIterator[pb.PredictStreamRequest],
    predict: Predict,
    answers: "asyncio.Queue[pb.PredictStreamResponse | None]",
    window: asyncio.Semaphore,
) -> None:
    """Start each request as it comes, and put None once all have been answered."""
    in_flight: set[str] = set()

    async def answer(request: pb.PredictStreamRequest) -> None:
        response = await _answer(request, predict)
        in_flight.discard(request.id)
        answers.put_nowait(response)

    broken: Exception | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            try:
                async for request in requests:
                    await window.acquire()
                    if request.id in in_flight:
                        answers.put_nowait(_failed(request.id, _in_flight_twice(request.id)))
                        continue
                    in_flight.add(request.id)
                    tasks.create_task(answer(request))
            except Exception as error:  # noqa: BLE001 - raised once all in flight are answered
                broken = error
    finally:
        answers.put_nowait(None)
    if broken is not None:
        raise broken


async def _answer(request: pb.PredictStreamRequest, predict: Predict) -> pb.PredictStreamResponse:
    try:
        prediction = await predict(request.request)
    except Exception as error:  # noqa: BLE001 - an item's error is that item's answer
        log_unexpected(error)
        return _failed(request.id, error)
    return pb.PredictStreamResponse(id=request.id, prediction=prediction)


def _failed(request_id: str, error: Exception) -> pb.PredictStreamResponse:
    return pb.PredictStreamResponse(id=request_id, status=to_status(error))


def _in_flight_twice(request_id: str) -> InvalidInput:
    problem = f'expected an id that is not in flight on this stream, got "{request_id[:80]}" again'
    return InvalidInput([Violation("id", problem)])
