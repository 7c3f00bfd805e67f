"""What a stream has asked and been answered, as both clients keep it."""

from threading import Lock
from time import monotonic
from typing import Any

import grpc
from learnwire.v1.prediction_service_pb2 import PredictStreamRequest, PredictStreamResponse

from .answers import Answer, ClassesOf, decode_prediction
from .errors import CallError, DeadlineExceeded, FieldError, ServerFailed
from .fitting import Fitted
from .inputs import request_of
from .parts import encode_or_refuse
from .status import from_status

# So many items are read ahead of the answers that are given; a server answers as many at a time.
WINDOW = 64
_BYTES_AROUND_AN_ITEM = 64


class Exchange:
    """Numbers the items of a stream, and gives their answers back; any thread may use it.

    Args:
        model: the model's name.
        ordered: whether answers are given in the items' order, or as they come.
        seconds: how long the server may take for the next answer.
        max_bytes: the largest message that the channel takes.
        classes_of: gives the names of a model's classes.
        fit: the frame that the items are rows of, where they are.

    Attributes:
        is_over: whether all answers have been taken.
        seconds: how long the server may take for the next answer.
    """

    def __init__(
        self,
        model: str,
        *,
        ordered: bool,
        seconds: float | None,
        max_bytes: int,
        classes_of: ClassesOf,
        fit: Fitted | None = None,
    ) -> None:
        self.is_over = False
        self._model = model
        self._ordered = ordered
        self.seconds = seconds
        self._max_bytes = max_bytes - len(model.encode()) - _BYTES_AROUND_AN_ITEM
        self._classes_of = classes_of
        self._fit = fit
        self._lock = Lock()
        self._count = 0
        # The items that wait for their answers: the index of each by its id, the oldest first.
        self._waiting: dict[str, int] = {}
        self._waiting_since = 0.0
        self._answers: dict[int, Answer] = {}
        self._next = 0
        self._source_ended = False
        self._call_ended = False
        self._failure: BaseException | None = None

    def send(self, value: object) -> PredictStreamRequest | None:
        """Make the request for the next value, or None where it cannot be sent: its answer."""
        item = encode_or_refuse(value, self._max_bytes)
        with self._lock:
            index = self._count
            self._count += 1
            if isinstance(item, CallError):
                self._take_in(index, item)
                return None
            if not self._waiting:
                self._waiting_since = monotonic()
            self._waiting[str(index)] = index
        return PredictStreamRequest(id=str(index), request=request_of(self._model, item))

    def receive(self, response: PredictStreamResponse) -> None:
        """Take in an answer.

        Raises:
            FieldError: nobody asked for it, or it cannot be read.
        """
        answer: Answer
        if response.HasField("status"):
            answer = from_status(response.status)
            answer = self._fit.hinted(answer) if self._fit else answer
        else:
            answer = decode_prediction(response.prediction, self._classes_of)
        with self._lock:
            self._waiting_since = monotonic()
            index = self._waiting.pop(response.id, None)
            if index is None:
                raise FieldError("id", f"expected that of a waiting item, got {response.id!r}")
            self._take_in(index, answer)

    def end_source(self, failure: BaseException | None) -> None:
        """Take in that no more values come, perhaps because reading them raised."""
        with self._lock:
            self._source_ended = True
            self._failure = self._failure or failure

    def end_call(self, failure: Exception | None) -> None:
        """Take in that no more answers come, perhaps because the call failed."""
        with self._lock:
            self._call_ended = True
            self._failure = failure or self._failure

    def take(self) -> list[Any]:
        """Give the answers that can be given now, perhaps none; out of order with their indices.

        Raises:
            BaseException: what ended the stream, behind the answers before it.
        """
        with self._lock:
            if ready := self._ready():
                return ready
            if self._call_ended:
                self.is_over = True
                self._raise_failure()
            return []

    def seconds_left(self) -> float | None:
        """Tell how long to wait for the next answer at most; None: for ever.

        Raises:
            DeadlineExceeded: it has taken too long.
        """
        with self._lock:
            if self.seconds is None or not self._waiting:
                return self.seconds
            left = self._waiting_since + self.seconds - monotonic()
            if left > 0:
                return left
            raise self._located(
                DeadlineExceeded(
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                    f"no answer came within {self.seconds:g} s; give more with timeout=",
                )
            )

    def _take_in(self, index: int, answer: Answer) -> None:
        if isinstance(answer, CallError):
            answer.index = index
        self._answers[index] = answer

    def _ready(self) -> list[Any]:
        if not self._ordered:
            indexed = list(self._answers.items())
            self._answers.clear()
            return indexed
        answers: list[Answer] = []
        while self._next in self._answers:
            answers.append(self._answers.pop(self._next))
            self._next += 1
        return answers

    def _raise_failure(self) -> None:
        if isinstance(self._failure, CallError):
            raise self._located(self._failure)
        if self._waiting or not self._source_ended:
            message = "the server ended the stream before it had answered all items"
            raise self._located(ServerFailed(grpc.StatusCode.INTERNAL, message))
        if self._failure is not None:
            raise self._failure

    def _located(self, error: CallError) -> CallError:
        """Let an error tell the first item that it leaves without an answer."""
        error.index = next(iter(self._waiting.values()), self._count)
        return error
