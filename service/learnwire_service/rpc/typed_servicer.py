"""A model's own service: convert, ask the runner, convert, as PredictionService does."""

from collections.abc import AsyncIterator, Callable
from operator import methodcaller
from typing import Any

import grpc
from learnwire_client.prediction import AnyPrediction

from ..common.errors import InvalidInput
from ..runners.learner import LearnerRunner
from ..runners.registry import ready
from .calls import note
from .chunks import predict_chunks
from .codec import Codec
from .reading import Refused, apart
from .streams import answer_stream


class TypedServicer:
    """Serves one version in the words of its contract.

    Args:
        runner: the version's.
        codec: speaks its contract.
        check_seen: raises where the model does not exist for the caller.
        heir: gives who answers a call instead, once the version is served no longer; None while
            it is.
    """

    def __init__(
        self, runner: LearnerRunner, codec: Codec, check_seen: Callable[[], None], heir: "_Heir"
    ) -> None:
        self._check_seen, self._heir = check_seen, heir
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
                # It may be an heir's.
                methodcaller("SerializeToString"),
            )
            for name, (handler, behavior) in make.items()
        }

    async def _predict(self, request: Any, context: Any) -> Any:
        note(items=1)
        if (heir := self._heir(context)) is not None:
            return await heir._predict(heir._codec.taken_over("Predict", request), context)
        return self._codec.response(await self._ask(request, context))

    async def _predict_many(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if (heir := self._heir(context)) is not None:
            self, request = heir, heir._codec.taken_over("PredictMany", request)
        runner = self._ready()
        note(model=self._tag, items=0)
        with runner.uses:
            items = self._codec.items(request)
            async for chunk in predict_chunks(runner, items, self._codec.chunk):
                yield chunk

    async def _predict_stream(
        self, requests: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[Any]:
        if (heir := self._heir(context)) is not None:
            self, requests = heir, heir._taken_over(requests)

        async def predict(one: Any) -> AnyPrediction:
            return await self._ask(one.request, context, patient=True)

        # Of one version to its end, whichever is served by then.
        with self._runner.uses:
            async for response in answer_stream(requests, predict, self._reply):
                yield response

    async def _taken_over(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for request in requests:
            is_message = not isinstance(request, Refused)
            yield self._codec.taken_over("PredictStream", request) if is_message else request

    def _reply(self, one: Any, outcome: Any) -> Any:
        return self._codec.reply(one.id, outcome)

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


# Gives who answers a call with this context instead; None: nobody needs to.
_Heir = Callable[[Any], TypedServicer | None]
