"""The messages of a contract: requests to items, predictions and errors to responses."""

from collections.abc import Iterator
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from learnwire_client.prediction import AnyPrediction

from ..common.errors import InvalidInput
from ..contracts.contract import Contract
from ..signature.answers import Outcome, Outcomes
from ..signature.specs import InputSpec
from .pools import pool_of
from .status import to_status
from .typed_inputs import Paths, decoder
from .typed_outputs import writer


class Codec:
    """Reads and writes the messages of a version's contract.

    Attributes:
        pool: the contract's own descriptors.
        methods: the methods of its service, by name.
    """

    def __init__(self, contract: Contract, spec: InputSpec) -> None:
        self.pool = pool_of(contract.file)
        self.methods: dict[str, MethodDescriptor] = dict(
            self.pool.FindServiceByName(contract.service).methods_by_name
        )
        self._decode = decoder(contract.inputs, spec)
        self._paths = Paths(contract.inputs, spec)
        self._write = writer(contract.heads)
        self._response = self.response_class("Predict")
        self._chunk = self.response_class("PredictMany")
        self._reply = self.response_class("PredictStream")

    def request_class(self, method: str) -> Any:
        """Give the class of a method's requests."""
        return message_factory.GetMessageClass(self.methods[method].input_type)

    def response_class(self, method: str) -> Any:
        """Give the class of a method's responses."""
        return message_factory.GetMessageClass(self.methods[method].output_type)

    def taken_over(self, method: str, request: Any) -> Any:
        """Bring a method's request to this contract, from another form of it."""
        return self.request_class(method).FromString(request.SerializeToString())

    def item(self, request: Any) -> object:
        """Bring a PredictRequest to the item in it.

        Raises:
            InvalidInput: it contradicts itself.
        """
        return self._decode(request)

    def items(self, request: Any) -> Iterator[object]:
        """Bring a PredictManyRequest to its items; one that contradicts itself to its error."""
        for one in request.requests:
            try:
                yield self._decode(one)
            except InvalidInput as error:
                yield error

    def typed(self, error: InvalidInput) -> InvalidInput:
        """Return what an item ended with, in the words of the contract."""
        return self._paths.typed(error)

    def response(self, prediction: AnyPrediction) -> Any:
        """Make the PredictResponse of a prediction."""
        response = self._response()
        self._fill(response, prediction)
        return response

    def chunk(self, first: int, outcomes: Outcomes) -> Any:
        """Make the PredictManyResponse of consecutive items; `first` is the index of the first."""
        chunk = self._chunk(first_index=first)
        for outcome in outcomes:
            told = self.typed(outcome) if isinstance(outcome, InvalidInput) else outcome
            self._set_result(chunk.results.add(), told)
        return chunk

    def reply(self, request_id: str, outcome: Outcome) -> Any:
        """Make the PredictStreamResponse of one request."""
        reply = self._reply(id=request_id)
        self._set_result(reply, outcome)
        return reply

    def _set_result(self, message: Any, outcome: Outcome) -> None:
        if isinstance(outcome, Exception):
            # The contract's pool has a Status of its own.
            status = to_status(outcome)
            message.status.MergeFromString(status.SerializeToString())
        else:
            self._fill(message.response, outcome)

    def _fill(self, response: Any, prediction: AnyPrediction) -> None:
        self._write(response, prediction)
        response.model_version = prediction.version
        response.warnings.extend(prediction.warnings)
