"""Answers as numpy makes them: one by one, or stacked, a row for each item."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, overload

import numpy as np
from learnwire_client.prediction import (
    AnyPrediction,
    Mask,
    MultiLabel,
    Points,
    Regression,
    Signature,
    SingleLabel,
)
from numpy.typing import NDArray

from .specs import (
    HeadSpec,
    MaskOutput,
    MultiLabelOutput,
    PointsOutput,
    RegressionOutput,
    SingleLabelOutput,
)

# What becomes of an item: its answer, or why it has none.
Outcome = AnyPrediction | Exception
Outcomes = Sequence[Outcome]
StackedOutput = SingleLabelOutput | MultiLabelOutput | RegressionOutput

_Array = NDArray[Any]
_UNSIGNED = Signature()


@dataclass(frozen=True)
class Stacked(Sequence[AnyPrediction]):
    """The answers to a run of items, each made into a prediction only when it is asked for.

    Attributes:
        output: what the answers are.
        decoded: int64 [n] of one label, bool [n, C] of several, float32 [n, T] of numbers.
        probabilities: float32 [n, C], or the numbers [n, T].
        signature: who gave them.
    """

    output: StackedOutput
    decoded: _Array
    probabilities: NDArray[np.float32]
    signature: Signature = _UNSIGNED

    def __len__(self) -> int:
        return len(self.probabilities)

    @overload
    def __getitem__(self, i: int) -> AnyPrediction: ...
    @overload
    def __getitem__(self, i: slice) -> "Stacked": ...
    def __getitem__(self, i: int | slice) -> "AnyPrediction | Stacked":
        decoded, probabilities = self.decoded[i], self.probabilities[i]
        if isinstance(i, slice):
            return Stacked(self.output, decoded, probabilities, self.signature)
        return assemble(self.output, decoded, probabilities).signed_with(self.signature)

    def taken(self, order: NDArray[np.int64]) -> "Stacked":
        """Give the answers in another order."""
        return Stacked(self.output, self.decoded[order], self.probabilities[order], self.signature)

    @property
    def is_finite(self) -> bool:
        """Whether all answers are made of finite numbers."""
        return bool(np.isfinite(self.probabilities).all())


def joined(parts: Sequence[Outcomes]) -> Outcomes:
    """Put the outcomes of runs of items together, in columns where all are."""
    stacked = [part for part in parts if isinstance(part, Stacked)]
    if not stacked or len(stacked) < len(parts):
        return list(chain.from_iterable(parts))
    if len(stacked) == 1:
        return stacked[0]
    return replace(
        stacked[0],
        decoded=np.concatenate([part.decoded for part in stacked]),
        probabilities=np.concatenate([part.probabilities for part in stacked]),
    )


def assemble(
    spec: HeadSpec, index: _Array, probabilities: _Array, points: _Array | None = None
) -> AnyPrediction:
    """Make the prediction of one output from its decoded and its raw values.

    Args:
        spec: what the output is.
        index: a class index, a mask over classes, values, or a class index a pixel.
        probabilities: a probability for each class, values, or [C, H, W].
        points: where the output is points, those in pixels, [n, 2].
    """
    probabilities = probabilities.astype(np.float32, copy=False)
    match spec:
        case SingleLabelOutput():
            return SingleLabel(spec.classes[int(index)], int(index), probabilities)
        case MultiLabelOutput():
            mask = index.astype(np.bool_)
            labels = tuple(name for name, on in zip(spec.classes, mask, strict=True) if on)
            return MultiLabel(labels, mask, probabilities)
        case RegressionOutput():
            return Regression.of(probabilities.reshape(-1))
        case MaskOutput():
            pixels = index.astype(np.int64)
            return Mask(pixels, pixels, probabilities)
        case PointsOutput():
            assert points is not None  # noqa: S101 - see Args
            return Points(points.astype(np.float32), index.astype(np.float32), probabilities)
