"""When two answers count as the same, here and everywhere.

Batched and single arithmetic differ in the last bits, so equality is
|a - b| <= 1e-5 max(1, |b|) and equal labels, unless the expected answer itself
was undecided by less than twice that.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from learnwire_client.prediction import AnyPrediction, Several
from numpy.typing import NDArray

from .specs import MultiLabelOutput, OutputSpec, SeveralOutput

TOLERANCE = 1e-5

# So few numbers are looked at faster one by one.
_FEW = 32


def disagreement(output: OutputSpec, answer: AnyPrediction, expected: AnyPrediction) -> str | None:
    """Say how an answer differs from the expected one; None where they agree."""
    if isinstance(output, SeveralOutput):
        return _disagreement_of_heads(output, answer, expected)
    if answer.probabilities.shape != expected.probabilities.shape:
        return f"shape {answer.probabilities.shape} instead of {expected.probabilities.shape}"
    difference = np.abs(answer.probabilities - expected.probabilities)
    allowed = TOLERANCE * np.maximum(1, np.abs(expected.probabilities))
    # NaN is never within the tolerance: a model that answers NaN has no answer to compare.
    if not np.all(difference <= allowed):
        return f"a difference of {np.max(difference):.2g}"
    if output.kind in ("regression", "points"):
        return None
    unequal = np.asarray(answer.index) != np.asarray(expected.index)
    if np.any(unequal & (_margin(output, expected.probabilities) >= 2 * TOLERANCE)):
        return "another label"
    return None


def arrays_disagree(
    answers: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]], tolerance: float = TOLERANCE
) -> str | None:
    """Say how arrays differ from the expected ones; None where they agree, NaN never does.

    Args:
        answers: the arrays.
        expected: as many; those of whole numbers, bools and infinities are to be equal.
        tolerance: what numbers may differ by, as a share of those expected that exceed 1.
    """
    if len(answers) != len(expected):
        return f"{len(answers)} arrays instead of {len(expected)}"
    for answer, wanted in zip(answers, expected, strict=True):
        if answer.shape != wanted.shape:
            return f"shape {answer.shape} instead of {wanted.shape}"
        unequal = answer != wanted
        if wanted.dtype.kind == "f":
            with np.errstate(invalid="ignore"):
                difference = np.abs(answer[unequal] - wanted[unequal])
            allowed = tolerance * np.maximum(1, np.abs(wanted[unequal]))
            if not np.all((difference <= allowed) & np.isfinite(wanted[unequal])):
                return f"a difference of {np.max(difference):.2g}"
        elif unequal.any():
            return f"{np.count_nonzero(unequal)} other values"
    return None


def is_finite(answer: AnyPrediction) -> bool:
    """Tell whether an answer is made of finite numbers."""
    if isinstance(answer, Several):
        return all(map(is_finite, answer.heads))
    probabilities = answer.probabilities
    if probabilities.size <= _FEW:
        return all(map(math.isfinite, probabilities.ravel().tolist()))
    return bool(np.isfinite(probabilities).all())


def _disagreement_of_heads(
    output: SeveralOutput, answer: AnyPrediction, expected: AnyPrediction
) -> str | None:
    assert isinstance(answer, Several)  # noqa: S101 - as its output
    assert isinstance(expected, Several)  # noqa: S101 - likewise
    for i, spec in enumerate(output.heads):
        if problem := disagreement(spec, answer.heads[i], expected.heads[i]):
            return f"{problem} in output {i}"
    return None


def _margin(output: OutputSpec, probabilities: NDArray[np.float32]) -> NDArray[Any]:
    """Give how decided an answer is, for each of its labels."""
    if isinstance(output, MultiLabelOutput):
        return np.asarray(np.abs(probabilities - output.threshold))
    if probabilities.shape[0] < 2:
        return np.full(probabilities.shape[1:], np.inf)
    second, first = np.partition(probabilities, (-2, -1), axis=0)[-2:]
    return np.asarray(first - second)
