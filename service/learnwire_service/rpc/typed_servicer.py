"""A model's own service: convert, ask the runner, convert, as PredictionService does."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc
from learnwire_client.prediction import AnyPrediction

from ..common.errors import InvalidInput
from ..runners.learner import LearnerRunner
from ..runners.registry import ready
from .calls import note
from .chunks import predict_chunks
from .codec import Codec
from .reading import apart
from .streams import answer_stream


class TypedServicer:
    """Serves one version in the words of its contract.

    Args:
        runner: the version's.
        codec: speaks its contract.
        check_seen: raises where the model does not exist for the caller.
    """

    def __init__(self, runner: LearnerRunner, codec: Codec, check_seen: Callable[[], None]) -> None:
        self._check_seen = check_seen
        self._runner, self._tag = runner, runner.tag
        self._codec = codec

    def handlers(self) -> dict[str, Any]:
        """Give the handlers of the service's methods, by name."""
        make = {
            "Predict": (grpc.unary_unary_rpc_method_handler, self._predict),
            "PredictMany": (grpc.unary_stream_rpc_method_handler, self._predict_many),
            "PredictStream": (grpc.stream_stream_rpc_method_handler, self._predict_stream),
        }
        return {
            name: handler(
                behavior,
                self._codec.request_class(name).FromString,
                self._codec.response_class(name).SerializeToString,
            )
            for name, (handler, behavior) in make.items()
        }

    async def _predict(self, request: Any, context: Any) -> Any:
        note(items=1)
        return self._codec.response(await self._ask(request, context))

    async def _predict_many(self, request: Any, context: Any) -> AsyncIterator[Any]:
        runner = self._ready()
        note(model=self._tag, items=0)
        with runner.uses:
            items = self._codec.items(request)
            async for chunk in predict_chunks(runner, items, self._codec.chunk):
                yield chunk

    async def _predict_stream(
        self, requests: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[Any]:
        predict = partial(self._ask, context=context, patient=True)
        # Of one version to its end, whichever is served by then.
        with self._runner.uses:
            async for response in answer_stream(requests, predict, self._codec.reply):
                yield response

    def _ready(self) -> LearnerRunner:
        self._check_seen()
        return ready(self._runner)

    async def _ask(self, request: Any, context: Any, *, patient: bool = False) -> AnyPrediction:
        runner = self._ready()
        note(model=self._tag)
        try:
            with runner.uses:
                with runner.statistics.misfits():
                    item = await apart(self._codec.item, request)
                prediction: AnyPrediction = await runner.ask_async(
                    item, context.time_remaining(), patient=patient
                )
        except InvalidInput as error:
            raise self._codec.typed(error) from None
        return prediction
