"""What a test says that a server answers, and what the server was asked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from ..errors import CallError, EndpointNotFound, FieldError, ModelNotFound, ServerFailed
from ..inputs import invalid_input
from ..prediction import Prediction

# An answer or an error for every item, or a function that is given the item and answers either.
Said: TypeAlias = "Any | CallError | Callable[[Any], Any]"


class Script:
    """Answers as a test says.

    Args:
        answers: by the names of models.
        endpoints: by the names of endpoints.

    Attributes:
        asked: the names of models and endpoints with what they were asked, in the order in
            which it came.
        failures: what the test's own functions raised, but for CallErrors.
    """

    def __init__(self, answers: Mapping[str, Said], endpoints: Mapping[str, Said]) -> None:
        self.answers, self.endpoints = dict(answers), dict(endpoints)
        self.asked: list[tuple[str, Any]] = []
        self.failures: list[Exception] = []

    def name_of(self, model: str) -> str:
        """Give the name in `name:version`, or the only one for "".

        Raises:
            ModelNotFound: nothing was said of it.
        """
        name = model.partition(":")[0]
        if not name and len(self.answers) == 1:
            return next(iter(self.answers))
        if name not in self.answers:
            raise ModelNotFound(*_not_found("model", name, self.answers))
        return name

    def of_model(self, name: str, value: object) -> Any:
        """Answer an item with a prediction, or with the error that is said in its place."""
        answer = self._said(name, self.answers[name], value)
        if isinstance(answer, Prediction | CallError):
            return answer
        problem = f"expected a prediction such as SingleLabel.of(...), got {answer!r}"
        return self.failed(name, TypeError(problem))

    def of_endpoint(self, name: str, value: object) -> Any:
        """Answer a call.

        Raises:
            CallError: it is said, or nothing was said of the endpoint.
        """
        if name not in self.endpoints:
            raise EndpointNotFound(*_not_found("endpoint", name, self.endpoints))
        answer = self._said(name, self.endpoints[name], value)
        if isinstance(answer, CallError):
            raise answer
        return answer

    def failed(self, name: str, error: Exception) -> ServerFailed:
        """Take in that a test's own code raised, and give what the caller gets for it."""
        self.failures.append(error)
        message = f"what the test says for {name} failed: {type(error).__name__}: {error}"
        return ServerFailed(grpc.StatusCode.INTERNAL, message, "MODEL_FAILED")

    def _said(self, name: str, said: Said, value: object) -> Any:
        self.asked.append((name, value))
        if not callable(said):
            return said
        try:
            return said(value)
        except CallError as error:
            return error
        except Exception as error:  # noqa: BLE001 - raised when the test is over
            return self.failed(name, error)


def _not_found(kind: str, name: str, known: Mapping[str, Said]) -> tuple[grpc.StatusCode, str, str]:
    there = ", ".join(sorted(known)) or "none"
    message = f'the test says nothing for the {kind} "{name}"; it says for: {there}'
    return grpc.StatusCode.NOT_FOUND, message, f"{kind.upper()}_NOT_FOUND"


@contextmanager
def told(context: grpc.ServicerContext) -> Iterator[None]:
    """End a call with the CallError that is raised inside."""
    try:
        yield
    except CallError as error:
        context.abort_with_status(rpc_status.to_status(to_status(error)))
    except FieldError as error:
        refused = invalid_input(f"the input cannot be read: {error}", error.violation)
        context.abort_with_status(rpc_status.to_status(to_status(refused)))


def to_status(error: CallError) -> status_pb2.Status:
    """Make the status that a client reads as that error."""
    code: tuple[int, str] = error.code.value
    status = status_pb2.Status(code=code[0], message=error.message)
    reason = error_details_pb2.ErrorInfo(
        reason=error.reason, domain="learnwire", metadata=error.metadata
    )
    _attach(status, reason)
    if error.violations:
        faults = error_details_pb2.BadRequest()
        for one in error.violations:
            faults.field_violations.add(field=one.field, description=one.description)
        _attach(status, faults)
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(error.retry_after * 1e9))
        _attach(status, retry)
    return status


def _attach(status: status_pb2.Status, detail: Message) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)
