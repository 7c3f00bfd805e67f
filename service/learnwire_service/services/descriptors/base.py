"""What all descriptors have in common, and those that need little more."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NoReturn

from learnwire_client.errors import FieldError, Violation
from learnwire_client.images import is_pil_image
from learnwire_client.prediction import (
    AnyPrediction,
    Mask,
    MultiLabel,
    Points,
    Regression,
    Several,
    SingleLabel,
)
from learnwire_client.texts import check_unicode

from ...common.errors import InvalidInput
from .answered import as_prediction, as_text

_PREDICTIONS = (SingleLabel, MultiLabel, Regression, Mask, Points, Several)


class Descriptor(ABC):
    """What an input of an endpoint takes, or its output gives."""

    @property
    @abstractmethod
    def field(self) -> str:
        """The field of a message that holds such a value, where paths begin."""

    @abstractmethod
    def check(self, value: object, *, max_text_chars: int | None = None) -> Any:
        """Check a value, and give it in the form that functions and the wire take.

        Args:
            value: it.
            max_text_chars: the longest text taken where the descriptor names none.

        Raises:
            InvalidInput: it does not fit, with a violation for each fault; the paths begin
                with the field of the message, such as `text.content`.
        """


@dataclass(frozen=True)
class Text(Descriptor):
    """A text, as str.

    As an output it may also be a prediction of one label, which is then the text.

    Usage: `@svc.api(input=lw.Text(max_chars=280), output=lw.Text())`

    Args:
        max_chars: the longest one, in code points; None: for inputs as the server's
            `max_text_chars`, for outputs any.

    Raises:
        ValueError: `max_chars` is below 1.
    """

    max_chars: int | None = None

    def __post_init__(self) -> None:
        if self.max_chars is not None and self.max_chars < 1:
            raise ValueError(f"max_chars: expected 1 or more, got {self.max_chars}")

    @property
    def field(self) -> str:
        """See Descriptor."""
        return "text"

    def check(self, value: object, *, max_text_chars: int | None = None) -> str:
        """See Descriptor."""
        value = as_text(value)
        if not isinstance(value, str):
            refuse("text", f"expected a text, got {kind_of(value)}")
        try:
            check_unicode("text.content", value)
        except FieldError as error:
            raise InvalidInput([error.violation]) from None
        most = self.max_chars or max_text_chars
        if most is not None and len(value) > most:
            refuse("text.content", f"expected at most {most} characters, got {len(value)}")
        return str(value)


@dataclass(frozen=True)
class Prediction(Descriptor):
    """A model's prediction, as a runner of a Learner answers it: (label, index, probabilities).

    As an output it may also be a tuple of these three, as `learner.predict` answers: a str, an
    index and probabilities; several str, a mask and probabilities; numbers three times; or a mask
    of pixels twice and its probabilities. Tensors are taken for arrays.

    Usage: `@svc.api(input=lw.Text(), output=lw.Prediction())`
    """

    @property
    def field(self) -> str:
        """See Descriptor."""
        return "prediction"

    def check(self, value: object, *, max_text_chars: int | None = None) -> AnyPrediction:
        """See Descriptor."""
        value = as_prediction(value)
        if not isinstance(value, _PREDICTIONS):
            refuse("prediction", f"expected a prediction, got {kind_of(value)}")
        return value


def refuse(field: str, problem: str) -> NoReturn:
    """Refuse a value for one fault."""
    raise InvalidInput([Violation(field, problem)])


def kind_of(value: object) -> str:
    """Tell what a value is, as messages do."""
    if isinstance(value, _PREDICTIONS):
        return "a prediction"
    if is_pil_image(value):
        return "an image"
    return {
        "NoneType": "nothing",
        "bool": "true or false",
        "int": "a number",
        "float": "a number",
        "str": "a text",
        "dict": "a row",
        "Series": "a row",
        "DataFrame": "a table",
        "ndarray": "an array",
    }.get(type(value).__name__, type(value).__name__)
