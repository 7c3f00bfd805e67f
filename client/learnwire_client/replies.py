"""What comes back for a part of a job."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic

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
        self._part = part
        self._classes_of = classes_of
        # Where in the part each of the values that were sent stands.
        self._places = [i for i, fault in enumerate(part.faults) if fault is None]
        self._began = monotonic()
        self._received = 0
        self._end = 0

    def take(self, message: PredictManyResponse) -> Iterable[Answer]:
        """Give the answers of the next chunk, and the faults of the values before them.

        Where there are no faults, that is the chunk itself.

        Raises:
            FieldError: the chunk is not the next one, or cannot be read.
        """
        chunk = decode_chunk(message, self._classes_of)
        received = self._received + len(chunk)
        if message.first_index != self._received or received > len(self._places):
            raise FieldError(
                "first_index",
                f"expected {self._received} of {len(self._places)}, got {message.first_index}",
            )
        places = self._places[self._received : received]
        self._received = received
        for row, error in chunk.errors.items():
            error.index = self._part.first + places[row]
        return self._up_to(places[-1] + 1 if places else self._end, chunk)

    def rest(self) -> Iterable[Answer]:
        """Give the faults behind the last answer.

        Raises:
            FieldError: answers are missing.
        """
        if self._received < len(self._places):
            raise FieldError(
                "columns", f"expected {len(self._places)} answers, got {self._received}"
            )
        self._part.answered_in(monotonic() - self._began)
        return self._up_to(len(self._part.faults), ())

    @contextmanager
    def located(self) -> Iterator[None]:
        """Let a CallError raised inside tell the first item that it leaves without an answer."""
        try:
            yield
        except CallError as error:
            error.index = self._part.first + self._end
            raise

    def _up_to(self, end: int, answers: Iterable[Answer]) -> Iterable[Answer]:
        """Give what comes next of the part: answers, and faults where they stand."""
        faults = self._part.faults[self._end : end]
        self._end = end
        if not any(faults):
            return answers
        given = iter(answers)
        return (fault or next(given) for fault in faults)
