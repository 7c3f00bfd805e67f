"""The client: calls to a Learnwire server in Python values."""

from collections.abc import Iterator
from functools import partial
from types import EllipsisType, TracebackType
from typing import Self, TypeAlias

from learnwire.v1.model_service_pb2 import (
    GetModelRequest,
    ListModelsRequest,
    Model,
    ModelSummary,
)
from learnwire.v1.model_service_pb2_grpc import ModelServiceStub
from learnwire.v1.prediction_service_pb2 import PredictManyRequest
from learnwire.v1.prediction_service_pb2_grpc import PredictionServiceStub

from .answers import decode_chunk, decode_prediction
from .channel import ChannelOptions, open_channel
from .errors import CallError, FieldError
from .inputs import Many, Value, Values, predict_many_request, predict_request
from .learner import RemoteLearner
from .prediction import AnyPrediction
from .status import call_errors

Timeout: TypeAlias = float | EllipsisType | None

_DEFAULT_OPTIONS = ChannelOptions()


class Client:
    """Calls a Learnwire server; one client serves many threads.

    Every call raises a CallError when it has no answer, and takes a timeout in
    seconds: `...`, the default, is the client's, and None waits for ever. `model`
    is `name`, `name:latest`, `name:version`, `name:` and a unique prefix of a
    version, or "" where a single model is served.

    Usage:
        with Client("localhost:50051") as client:
            label, index, probabilities = client.predict("imdb", "What a film!")

    Args:
        target: where the server is, `host:port` or any other gRPC target.
        timeout: seconds for each call, its retries included; None waits for ever.
        options: TLS, keep-alive, limits and retries.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout: float | None = 30,
        options: ChannelOptions = _DEFAULT_OPTIONS,
    ) -> None:
        self._target = target
        self._timeout = timeout
        self._channel = open_channel(target, options)
        self._predictions = PredictionServiceStub(self._channel)
        self._models = ModelServiceStub(self._channel)
        self._classes: dict[str, tuple[str, ...]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls under way end with a CallError."""
        self._channel.close()

    def predict(self, model: str, value: Value, *, timeout: Timeout = ...) -> AnyPrediction:
        """Predict one item.

        Args:
            model: the model's name.
            value: a str for a text, a mapping or pandas Series for a row, or a numpy array.
            timeout: seconds for this call.

        Raises:
            CallError: there is no answer; a value that has no form on the wire is
                InvalidInput just as one that the server refuses.
            TypeError: the value is of none of these types.
        """
        request = predict_request(model, value)
        with call_errors(self._target):
            response = self._predictions.Predict(request, self._seconds(timeout))
            return decode_prediction(response.prediction)

    def predict_many(
        self, model: str, values: Values, *, timeout: Timeout = ...
    ) -> Iterator[AnyPrediction | CallError]:
        """Predict many items of one kind in one call, which begins with the first answer asked for.

        Usage: `for answer in client.predict_many("penguins", frame): ...`

        Args:
            model: the model's name.
            values: several values such as `predict` takes, all texts, all rows or all
                arrays, or a pandas DataFrame of rows.
            timeout: seconds for the whole call.

        Returns:
            The answers in the order of the values; in the place of an item that
            failed is its CallError, not raised.

        Raises:
            CallError: the call as a whole failed.
            TypeError: a value is of another type, or their kinds are mixed.
        """
        return self._in_place(predict_many_request(model, values), timeout)

    def learner(self, model: str) -> RemoteLearner:
        """Return what replaces a local Learner, with the same `predict`."""
        return RemoteLearner(self, model)

    def models(self, *, timeout: Timeout = ...) -> list[ModelSummary]:
        """List the served models by name; the timeout is for each page of them."""
        models: list[ModelSummary] = []
        request = ListModelsRequest()
        while True:
            with call_errors(self._target):
                page = self._models.ListModels(request, self._seconds(timeout))
            models += page.models
            if not page.next_page_token:
                return models
            request.page_token = page.next_page_token

    def model(self, name: str, *, timeout: Timeout = ...) -> Model:
        """Describe a model: what it takes, what it answers, where it comes from."""
        with call_errors(self._target):
            return self._models.GetModel(GetModelRequest(model=name), self._seconds(timeout)).model

    def _in_place(self, many: Many, timeout: Timeout) -> Iterator[AnyPrediction | CallError]:
        """Yield the answers, and among them the faults of the values that were not sent."""
        sent = many.faults.count(None)
        answers = self._answers(many.request, sent, timeout) if sent else iter(())
        for fault in many.faults:
            yield next(answers) if fault is None else fault
        # None is left; asking for it lets the call end in its own way.
        yield from answers

    def _answers(
        self, request: PredictManyRequest, sent: int, timeout: Timeout
    ) -> Iterator[AnyPrediction | CallError]:
        received = 0
        with call_errors(self._target):
            call = self._predictions.PredictMany(request, self._seconds(timeout))
            try:
                for chunk in call:
                    name = f"{chunk.model}:{chunk.version}"
                    answers = decode_chunk(chunk, partial(self._classes_of, name, timeout))
                    if chunk.first_index != received or received + len(answers) > sent:
                        raise FieldError(
                            "first_index", f"expected {received} of {sent}, got {chunk.first_index}"
                        )
                    received += len(answers)
                    yield from answers
                if received < sent:
                    raise FieldError("columns", f"expected {sent} answers, got {received}")
            finally:
                call.cancel()

    def _classes_of(self, model: str, timeout: Timeout) -> tuple[str, ...]:
        if model not in self._classes:
            answer = self.model(model, timeout=timeout)
            self._classes[model] = tuple(answer.multi_label.classes)
        return self._classes[model]

    def _seconds(self, timeout: Timeout) -> float | None:
        return self._timeout if isinstance(timeout, EllipsisType) else timeout
