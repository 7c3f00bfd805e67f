"""A call of predict_many, as both clients carry it out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

from .answers import Answer
from .errors import CallError
from .inputs import Values
from .parts import Part, cut
from .progress import Progress, progress_over

Errors: TypeAlias = Literal["return", "raise"]

# So many calls of a job are under way at a time: the server has work while answers travel.
IN_FLIGHT = 4


@dataclass(frozen=True)
class Job:
    """Many values for one model, checked but not yet read.

    Attributes:
        parts: what goes in each call.
        progress: counts the answers.
        raises: whether the first failed item ends the job.
    """

    parts: Iterator[Part]
    progress: Progress
    raises: bool

    @classmethod
    def of(
        cls, model: str, values: Values, *, errors: Errors, progress: bool, max_bytes: int
    ) -> Self:
        """Make the job; see `Client.predict_many`.

        Raises:
            InvalidInput: a frame's columns have no names that the wire takes.
            TypeError: these are no values.
            ValueError: `errors` is another word.
            ImportError: there is no tqdm for the progress bar.
        """
        if errors not in ("return", "raise"):
            raise ValueError(f'errors: expected "return" or "raise", got {errors!r}')
        parts = cut(model, values, max_bytes)
        return cls(parts, progress_over(values, progress), errors == "raise")

    def checked(self, answers: Iterable[Answer]) -> Iterable[Answer]:
        """Give the answers, and raise the first error among them where the caller wants that."""
        return map(_raised, answers) if self.raises else answers


def _raised(answer: Answer) -> Answer:
    if isinstance(answer, CallError):
        raise answer
    return answer
