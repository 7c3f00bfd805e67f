"""What the parts of answers are called wherever they have names: frames, files, tables, JSON."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .prediction import AnyPrediction, MultiLabel, Regression, Several, SingleLabel

# The columns of frames and files that are no answers.
_OTHERS = frozenset({"row", "file", "warnings", "error", "field", "reason"})


def probability(name: object) -> str:
    """Name the probability of a class."""
    return f"p_{name}"


def flag(name: object) -> str:
    """Name what tells whether a class was predicted."""
    return f"is_{name}"


def number(target: str) -> str:
    """Name the number that is predicted for a target: as the target, where that can be."""
    return f"predicted_{target}" if target in _OTHERS else target


def row_of(answer: AnyPrediction) -> dict[str, Any]:
    """Give the cells that an answer of labels or numbers has in a row of a frame."""
    match answer:
        case SingleLabel():
            return {"label": answer.label} | _probabilities(answer)
        case MultiLabel():
            flags = zip(_names(answer, answer.classes), answer.index.tolist(), strict=True)
            return {flag(name): on for name, on in flags} | _probabilities(answer)
        case _:
            return _numbers(answer)


def parts_of(answer: AnyPrediction) -> dict[str, Any]:
    """Give all of an answer by name, as plain values; arrays of masks and points as lists."""
    match answer:
        case SingleLabel() | MultiLabel():
            index = np.asarray(answer.index).tolist()
            return {"label": answer.label, "index": index} | _probabilities(answer)
        case Regression():
            return _numbers(answer)
        case Several():
            return {"heads": [parts_of(head) for head in answer.heads]}
        case _:
            return {name: np.asarray(part).tolist() for name, part in answer._asdict().items()}


def _probabilities(answer: AnyPrediction) -> dict[str, float]:
    names = map(probability, _names(answer, answer.classes))
    return dict(zip(names, answer.probabilities.tolist(), strict=True))


def _numbers(answer: AnyPrediction) -> dict[str, float]:
    values = answer.probabilities.tolist()
    names = answer.targets if isinstance(answer, Regression) else ()
    if len(names) != len(values):
        several = len(values) > 1
        names = tuple(f"value_{i}" if several else "value" for i in range(len(values)))
    return dict(zip(map(number, names), values, strict=True))


def _names(answer: AnyPrediction, classes: Sequence[str]) -> Sequence[object]:
    """Give the names of the classes, or their indices where the names are not known."""
    count = len(answer.probabilities)
    return classes if len(classes) == count else range(count)
