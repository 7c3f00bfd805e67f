"""What runners and Learners answer, as descriptors take it where that has one meaning."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from learnwire_client.answer_columns import parts_of, row_of
from learnwire_client.arrays import detached
from learnwire_client.prediction import (
    Mask,
    MultiLabel,
    Prediction,
    Predictions,
    Regression,
    SingleLabel,
)


def as_text(value: object) -> object:
    """Give the label of a prediction that has one, and all else as it is."""
    return value.label if isinstance(value, SingleLabel) else value


def as_elements(value: object) -> object:
    """Give the probabilities of predictions, tensors as arrays, and all else as it is."""
    if isinstance(value, Prediction | Predictions) and isinstance(value.probabilities, np.ndarray):
        return value.probabilities
    if isinstance(value, list | tuple) and not isinstance(value, Prediction | Predictions):
        return [as_elements(one) for one in value]
    return detached(value)


def as_cells(value: object) -> object:
    """Give a prediction as the row of its parts, and all else as it is."""
    return parts_of(value) if isinstance(value, Prediction) else value


def as_rows(value: object, columns: Sequence[str] | None) -> object:
    """Give predictions and tuples as rows, and all else as it is.

    Args:
        value: Predictions of a frame, or a list of mappings, predictions, named tuples such as
            `top` gives, or tuples of as many cells as there are columns.
        columns: those that the descriptor names.
    """
    if isinstance(value, Predictions):
        value = list(value.rows)
    if not isinstance(value, list | tuple):
        return value
    return [_as_row(one, columns) for one in value]


def _as_row(value: object, columns: Sequence[str] | None) -> object:
    if isinstance(value, SingleLabel | MultiLabel | Regression):
        return row_of(value)
    if isinstance(value, tuple) and not isinstance(value, Prediction):
        named = getattr(value, "_fields", columns)
        if named is not None and len(named) == len(value):
            return dict(zip(named, value, strict=True))
    return value


def as_prediction(value: object) -> object:
    """Give (label, index, probabilities) as a prediction, and all else as it is.

    They may be what `learner.predict` answers, tensors included.
    """
    if isinstance(value, Prediction) or not isinstance(value, tuple | list) or len(value) != 3:
        return value
    label, index, probabilities = map(detached, value)
    numbers = _floats(probabilities)
    match label:
        case _ if numbers is None:
            return value
        case str() if numbers.ndim == 1 and _is_index(index, len(numbers)):
            return SingleLabel(str(label), int(index), numbers)
        case np.ndarray() if label.ndim == 2 and label.dtype.kind in "iu" and numbers.ndim == 3:
            return Mask(label.astype(np.int64), label.astype(np.int64), numbers)
    labels = list(label) if isinstance(label, Sequence) else None
    mask = np.asarray(index)
    if labels is None or mask.shape != numbers.shape or numbers.ndim != 1:
        return value
    if mask.dtype == np.bool_ and all(isinstance(one, str) for one in labels):
        return MultiLabel(tuple(map(str, labels)), mask, numbers)
    if mask.dtype.kind == "f" and len(labels) == len(numbers):
        return Regression.of(numbers)
    return value


def _floats(value: object) -> Any:
    try:
        return np.asarray(value, np.float32)
    except (TypeError, ValueError):
        return None


def _is_index(value: Any, classes: int) -> bool:
    index = np.asarray(value)
    return index.ndim == 0 and index.dtype.kind in "iu" and 0 <= int(index) < classes
