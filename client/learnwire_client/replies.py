"""What comes back for a part of a job."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from learnwire.v1.prediction_service_pb2 import PredictManyResponse

from .answers import Answer, ClassesOf, decode_chunk
from .errors import CallError, FieldError
from .parts import Part


class Reply:
    """Brings the answers to a part into their places while its call streams them.

    Args:
        part: what was asked.
        classes_of: gives the names of a model's classes.
    """

    def __init__(self, part: Part, classes_of: ClassesOf) -> None:
        self._classes_of = classes_of
        self._sent = part.sent
        self._received = 0
        self._faults = iter(part.faults)
        self._next_index = part.first

    def take(self, chunk: PredictManyResponse) -> list[Answer]:
        """Give the answers of the next chunk, and the faults of the values before them.

        Raises:
            FieldError: the chunk is not the next one, or cannot be read.
        """
        answers = decode_chunk(chunk, self._classes_of)
        end = self._received + len(answers)
        if chunk.first_index != self._received or end > self._sent:
            raise FieldError(
                "first_index",
                f"expected {self._received} of {self._sent}, got {chunk.first_index}",
            )
        self._received = end
        placed: list[Answer] = []
        for answer in answers:
            # Up to the None that keeps this answer's place.
            placed += iter(partial(next, self._faults), None)
            placed.append(answer)
        return self._numbered(placed)

    def rest(self) -> list[Answer]:
        """Give the faults behind the last answer.

        Raises:
            FieldError: answers are missing.
        """
        if self._received < self._sent:
            raise FieldError("columns", f"expected {self._sent} answers, got {self._received}")
        return self._numbered([fault for fault in self._faults if fault is not None])

    @contextmanager
    def located(self) -> Iterator[None]:
        """Let a CallError raised inside tell the first item that it leaves without an answer."""
        try:
            yield
        except CallError as error:
            error.index = self._next_index
            raise

    def _numbered(self, answers: list[Answer]) -> list[Answer]:
        for index, answer in enumerate(answers, self._next_index):
            if isinstance(answer, CallError):
                answer.index = index
        self._next_index += len(answers)
        return answers
