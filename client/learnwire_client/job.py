"""A call of predict_many, as both clients carry it out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, TypeAlias

from .answers import Answer, hinted
from .errors import CallError
from .fitting import Fitted, fitted, opened
from .frames import Frame
from .model import Model
from .parts import Part, cut
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
        fit: the frame among `values` as the model takes it, where it was fitted.
    """

    model: str
    values: Any
    max_bytes: int
    progress: Progress
    raises: bool
    fit: Fitted | None = None

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
        values = opened(values)
        return cls(model, values, max_bytes, progress_over(values, progress), errors == "raise")

    @property
    def is_of_frame(self) -> bool:
        """Whether the values are rows of a frame, which is to be fitted first."""
        return isinstance(self.values, Frame)

    def fitted(self, model: Model) -> Self:
        """Give the job without the columns that the model does not have; see `fitting.fitted`."""
        if not isinstance(self.values, Frame):
            return self
        fit = fitted(self.values, model)
        return replace(self, values=fit.frame, fit=fit)

    def parts(self) -> Iterator[Part]:
        """Cut the values, which are at hand, into parts; see `parts.cut`."""
        repeating = self.fit.repeating if self.fit else frozenset[str]()
        return cut(self.model, self.values, self.max_bytes, repeating)

    def checked(self, answers: Iterable[Answer]) -> Iterable[Answer]:
        """Give the answers, and raise the first error among them where the caller wants that."""
        if self.fit is not None and self.fit.hints:
            answers = hinted(answers, self.fit.hinted)
        return map(_raised, answers) if self.raises else answers


def _raised(answer: Answer) -> Answer:
    if isinstance(answer, CallError):
        raise answer
    return answer
