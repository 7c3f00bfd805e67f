"""PredictionService: convert, ask the runner, convert."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from learnwire.v1 import prediction_pb2, prediction_service_pb2_grpc
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire_client.answers import encode_prediction

from ..common.bounds import Bounds
from ..common.errors import RunnerClosed
from ..runners.learner import LearnerRunner
from ..runners.queued import in_time
from ..runners.registry import Registry
from .calls import note
from .chunks import encode_chunk, encode_plain_chunk, predict_chunks
from .convert import decode_item, decode_items
from .gate import caller, taken_in
from .lot import Lot
from .plain import GROWTH, make_plain
from .reading import apart, in_thread
from .status import to_status
from .streams import answer_stream


class PredictionServicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Serves the registry's models."""

    def __init__(self, registry: Registry, bounds: Bounds) -> None:
        self._registry = registry
        self._bounds = bounds
        self._is_ending = False

    def end(self) -> None:
        """Refuse, from now on, new items of callers who share a stream, as new calls are refused.

        Those who began a stream for themselves go on.
        """
        self._is_ending = True

    async def Predict(self, request: pb.PredictRequest, context: Any) -> pb.PredictResponse:
        """Predict one item."""
        note(items=1)
        prediction = await self._predict(request, context.time_remaining(), Lot(context))
        return pb.PredictResponse(prediction=prediction)

    async def PredictMany(
        self, request: pb.PredictManyRequest, context: Any
    ) -> AsyncIterator[pb.PredictManyResponse]:
        """Predict many items, chunk by chunk in input order."""
        runner = self._ready(request.model, Lot(context))
        note(model=runner.tag, items=0)
        spec = runner.manifest.signature.input
        with runner.uses:
            with runner.statistics.misfits():
                items = await apart(decode_items, request, spec, self._bounds.max_elements)
            is_plain = request.plain_arrays
            encode = partial(encode_plain_chunk if is_plain else encode_chunk, runner.manifest)
            growth = GROWTH if is_plain else 1
            async for chunk in predict_chunks(runner, items, encode, growth):
                yield chunk

    async def PredictStream(
        self, request_iterator: AsyncIterator[pb.PredictStreamRequest], context: Any
    ) -> AsyncIterator[pb.PredictStreamResponse]:
        """Predict item after item, each answered as soon as it is ready."""
        predict = partial(self._predict_one, context=context, lot=Lot(context))
        async for response in answer_stream(request_iterator, predict, _reply):
            yield response

    async def _predict_one(
        self, one: pb.PredictStreamRequest | pb.PredictStreamItem, context: Any, lot: Lot
    ) -> prediction_pb2.Prediction:
        if isinstance(one, pb.PredictStreamRequest):
            return await self._predict(one.request, context.time_remaining(), lot, patient=True)
        if self._is_ending:
            raise RunnerClosed("the server is ending")
        timeout = _timeout_of(one, context)
        with taken_in():
            # Its caller is none of the others, and draws a lot of its own.
            return await in_time(self._predict(one.request, timeout, Lot(context)), timeout)

    async def _predict(
        self,
        request: pb.PredictRequest,
        timeout: float | None,
        lot: Lot,
        *,
        patient: bool = False,
    ) -> prediction_pb2.Prediction:
        runner = self._ready(request.model, lot)
        note(model=runner.tag)
        with runner.uses:
            with runner.statistics.misfits():
                item = await apart(decode_item, request, runner.manifest.signature.input)
            answer = encode_prediction(await runner.ask_async(item, timeout, patient=patient))
            if request.plain_arrays:
                await in_thread(make_plain, answer)
            return answer

    def _ready(self, model: str, lot: Lot) -> LearnerRunner:
        return self._registry.only(caller().models).ready(model, lot.point)


def _timeout_of(one: pb.PredictStreamItem, context: Any) -> float | None:
    """Give the seconds until its caller goes, or all of the stream's callers do."""
    left: float | None = context.time_remaining()
    if not one.HasField("timeout"):
        return left
    own = one.timeout.seconds + one.timeout.nanos * 1e-9
    return own if left is None else min(own, left)


def _reply(one: Any, outcome: Any) -> pb.PredictStreamResponse | pb.PredictStreamResult:
    grouped = isinstance(one, pb.PredictStreamItem)
    make = pb.PredictStreamResult if grouped else pb.PredictStreamResponse
    if isinstance(outcome, Exception):
        return make(id=one.id, status=to_status(outcome))
    return make(id=one.id, prediction=outcome)
