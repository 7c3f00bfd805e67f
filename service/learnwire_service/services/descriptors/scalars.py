"""Single numbers, and yes or no."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from learnwire_client.arrays import detached
from learnwire_client.prediction import Regression

from .base import Descriptor, kind_of, refuse

_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Number(Descriptor):
    """A finite number, as int or float.

    In place of `lw.Number(int)` and `lw.Number(float)` an endpoint may say `int` and `float`. As an
    output it may also be a number of numpy or torch, or a prediction of one number.

    Usage: `@svc.api(input={"text": lw.Text(), "k": lw.Number(int, minimum=1)}, output=lw.Table())`

    Args:
        kind: int, of 64 bits, or float; None: what is sent stays as it is.
        minimum: the least that is taken; None for any.
        maximum: the most that is taken; None for any.

    Raises:
        TypeError: `kind` is neither.
        ValueError: the minimum is above the maximum.
    """

    kind: type[int] | type[float] | None = None
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in (None, int, float):
            raise TypeError(f"kind: expected int or float, got {self.kind!r}")
        if None not in (self.minimum, self.maximum) and self.minimum > self.maximum:  # type: ignore[operator]  # see before
            raise ValueError(f"minimum: expected at most {self.maximum}, got {self.minimum}")

    @property
    def field(self) -> str:
        """See Descriptor."""
        return "number"

    def check(self, value: object, *, max_text_chars: int | None = None) -> int | float:
        """See Descriptor."""
        if isinstance(value, Regression) and len(value.label) == 1:
            value = value.label[0]
        value = _plain(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse(self.field, f"expected {self}, got {kind_of(value)}")
        # Where it stands in a message.
        field = "integer" if isinstance(value, int) else self.field
        if not math.isfinite(value) or not self._fits(value):
            refuse(field, f"expected {self}, got {value}")
        return value if self.kind is None else self.kind(value)

    def _fits(self, value: int | float) -> bool:
        if (isinstance(value, int) or self.kind is int) and not _LEAST <= value <= _MOST:
            return False
        if self.kind is int and value != int(value):
            return False
        low = self.minimum is None or value >= self.minimum
        return low and (self.maximum is None or value <= self.maximum)

    def __str__(self) -> str:
        said = "an integer" if self.kind is int else "a finite number"
        least = f" of at least {self.minimum:g}" if self.minimum is not None else ""
        most = f" of at most {self.maximum:g}" if self.maximum is not None else ""
        return f"{said}{least}{' and' if least and most else ''}{most}"


@dataclass(frozen=True)
class Flag(Descriptor):
    """A yes or no, as bool; an endpoint may also say `bool` in its place.

    Usage: `@svc.api(input={"text": lw.Text(), "strict": lw.Flag()}, output=lw.Text())`
    """

    @property
    def field(self) -> str:
        """See Descriptor."""
        return "flag"

    def check(self, value: object, *, max_text_chars: int | None = None) -> bool:
        """See Descriptor."""
        value = _plain(value)
        if not isinstance(value, bool):
            refuse(self.field, f"expected true or false, got {kind_of(value)}")
        return value


def _plain(value: object) -> Any:
    """Give the single element of an array of no dimension, or a tensor, and all else as it is."""
    value = detached(value)
    is_one = isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0)
    return value.item() if is_one else value  # type: ignore[attr-defined]  # see before
