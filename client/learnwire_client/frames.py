"""Answers as a pandas DataFrame."""

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .answers import Answer
from .errors import CallError
from .model import Model

if TYPE_CHECKING:
    import pandas as pd

Frame: TypeAlias = "pd.DataFrame | pd.Series[Any]"

# The kinds of answers that fit in columns, and what the columns of their numbers begin with.
_PREFIXES = {"single_label": "p_", "multi_label": "p_", "regression": "predicted_"}


class AnswerFrame:
    """Collects answers in the rows of a frame; see `Client.predict_frame`.

    Args:
        model: what answers.
        values: what is asked; its index is that of the answers.

    Raises:
        TypeError: `values` is no pandas object, or the model answers arrays.
    """

    def __init__(self, model: Model, values: Frame) -> None:
        pandas = sys.modules.get("pandas")
        if pandas is None or not isinstance(values, (pandas.DataFrame, pandas.Series)):
            raise TypeError(f"expected a DataFrame or a Series, got {type(values).__name__}")
        if model.output.kind not in _PREFIXES:
            raise TypeError(f"the answers of {model.tag} fit in no columns: use predict_many")
        self._output = model.output
        self._names = model.output.classes or model.output.targets
        self._index = values.index
        self._size = 0
        shape = len(values), len(self._names)
        self._numbers = np.full(shape, np.nan, np.float32)
        self._masks = np.zeros(shape, np.bool_)
        # None becomes NA.
        self._labels, self._warnings, self._errors = np.full((3, len(values)), None, object)

    def add(self, answer: Answer) -> None:
        """Put the answer, or the error in its place, in the next row."""
        row = self._size
        self._size += 1
        if isinstance(answer, CallError):
            self._errors[row] = "; ".join(answer.lines)
            return
        self._numbers[row] = answer.probabilities
        if answer.warnings:
            self._warnings[row] = "; ".join(answer.warnings)
        if self._output.kind == "single_label":
            self._labels[row] = answer.label
        elif self._output.kind == "multi_label":
            self._masks[row] = answer.index

    def build(self) -> "pd.DataFrame":
        """Make the frame of all that was added."""
        pandas = sys.modules["pandas"]
        columns: dict[str, Any] = {}
        if self._output.kind == "single_label":
            columns["label"] = pandas.array(self._labels, "string")
        if self._output.kind == "multi_label":
            failed = self._errors != None  # noqa: E711 - cell by cell
            for name, mask in zip(self._names, self._masks.T, strict=True):
                columns[f"is_{name}"] = pandas.arrays.BooleanArray(mask.copy(), failed.copy())
        for name, numbers in zip(self._names, self._numbers.T, strict=True):
            columns[_PREFIXES[self._output.kind] + name] = numbers
        columns["warnings"] = pandas.array(self._warnings, "string")
        columns["error"] = pandas.array(self._errors, "string")
        frame: pd.DataFrame = pandas.DataFrame(columns, self._index)
        return frame
