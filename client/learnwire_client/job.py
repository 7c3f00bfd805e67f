"""A call of predict_many, as both clients carry it out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

from .answers import Answer
from .errors import CallError
from .progress import Progress, progress_over

Errors: TypeAlias = Literal["return", "raise"]


@dataclass(frozen=True)
class Job:
    """Many values for one model, not yet read.

    Attributes:
        model: the model's name.
        values: what is asked.
        max_bytes: the largest message that the channel takes.
        progress: counts the answers.
        raises: whether the first failed item ends the job.
    """

    model: str
    values: Any
    max_bytes: int
    progress: Progress
    raises: bool

    @classmethod
    def of(
        cls, model: str, values: object, *, errors: Errors, progress: bool, max_bytes: int
    ) -> Self:
        """Make the job; see `Client.predict_many`.

        Raises:
            ValueError: `errors` is another word.
            ImportError: there is no tqdm for the progress bar.
        """
        if errors not in ("return", "raise"):
            raise ValueError(f'errors: expected "return" or "raise", got {errors!r}')
        return cls(model, values, max_bytes, progress_over(values, progress), errors == "raise")

    def checked(self, answers: Iterable[Answer]) -> Iterable[Answer]:
        """Give the answers, and raise the first error among them where the caller wants that."""
        return map(_raised, answers) if self.raises else answers


def _raised(answer: Answer) -> Answer:
    if isinstance(answer, CallError):
        raise answer
    return answer
