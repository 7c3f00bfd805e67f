"""Answers: what `learner.predict` returns, in numpy and str."""

from typing import Any, Generic, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Label = TypeVar("Label")
Index = TypeVar("Index")

FloatArray = NDArray[np.float32]


class _Answer(NamedTuple, Generic[Label, Index]):
    label: Label
    index: Index  # type: ignore[assignment]  # it hides tuple.index, as meant
    probabilities: FloatArray


class Prediction(_Answer[Label, Index]):
    """One answer. It unpacks as `learner.predict`'s does.

    Usage: `label, index, probabilities = client.predict("penguins", row)`

    Attributes:
        model: the name of the model that answered.
        version: its version, whole.
        warnings: what the model did with the input that its sender may not
            expect, one sentence each.
    """

    model: str = ""
    version: str = ""
    warnings: tuple[str, ...] = ()

    def signed(self, model: str, version: str, warnings: tuple[str, ...] = ()) -> Self:
        """Return this answer, now saying who gave it and with which warnings."""
        self.model, self.version, self.warnings = model, version, warnings
        return self


AnyPrediction = Prediction[Any, Any]


class SingleLabel(Prediction[str, int]):
    """One class: `label`, `index` in the classes, `probabilities` (float32 [C])."""


class MultiLabel(Prediction[tuple[str, ...], NDArray[np.bool_]]):
    """Any number of classes: `label` names them, `index` is their mask [C], `probabilities` [C]."""


class Regression(Prediction[tuple[float, ...], FloatArray]):
    """Numbers: `label` is a tuple of them, `index` and `probabilities` both are float32 [T]."""

    @classmethod
    def of(cls, values: FloatArray) -> Self:
        """Make the answer whose values, of shape [T], are `values`."""
        return cls(tuple(values.tolist()), values, values)


class Mask(Prediction[NDArray[np.int64], NDArray[np.int64]]):
    """A segmentation: `label` and `index` both the mask [H, W], `probabilities` [C, H, W]."""
