"""Answers as a frame of the library that the question came from."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from .answer_columns import flag, number, probability
from .answers import Answer
from .arrays import AnyArray
from .collected import Collected, Texts
from .errors import CallError
from .frames import library_of
from .model import Model

if TYPE_CHECKING:
    import pandas as pd

PandasFrameOrSeries: TypeAlias = "pd.DataFrame | pd.Series[Any]"

# The kinds of answers that fit in columns, and what the columns of their numbers are called.
_NAMES = {"single_label": probability, "multi_label": probability, "regression": number}


class AnswerFrame:
    """Collects answers in the rows of a frame; see `Client.predict_frame`.

    Args:
        model: what answers.
        values: what is asked; its library, and pandas' index, are those of the answers.

    Raises:
        TypeError: `values` is no frame or column, or the model answers arrays.
    """

    def __init__(self, model: Model, values: Any) -> None:
        self._library = _library(values)
        if model.output.kind not in _NAMES:
            raise TypeError(f"the answers of {model.tag} fit in no columns: use predict_many")
        self._output = model.output
        self._names = model.output.names
        self._index = values.index if self._library == "pandas" else None
        self._answers = Collected(model.output, len(values))

    def add_all(self, answers: Iterable[Answer]) -> None:
        """Put answers, or the errors in their places, in the next rows."""
        self._answers.add_all(answers)

    def build(self) -> Any:
        """Make the frame of all that was added.

        Raises:
            CallError: there is no answer to any row; of the kind of the first row's.
        """
        answers, failed = self._answers, self._answers.failed
        if answers.errors and failed.all():
            raise _none_answered(len(failed), answers.errors[0])
        if self._library == "pandas":
            return self._in_pandas(failed)
        return self._in_library(failed)

    def _in_pandas(self, failed: AnyArray) -> "pd.DataFrame":
        pandas = sys.modules["pandas"]
        columns: dict[str, Any] = {}
        if self._output.kind == "single_label":
            columns["label"] = self._answers.labels.in_pandas()
        if self._output.kind == "multi_label":
            for name, mask in zip(self._names, self._answers.masks.T, strict=True):
                columns[flag(name)] = pandas.arrays.BooleanArray(mask.copy(), failed.copy())
        for name, numbers in zip(self._names, self._answers.numbers.T, strict=True):
            columns[_NAMES[self._output.kind](name)] = numbers
        columns["warnings"] = self._answers.warnings.in_pandas()
        columns["error"] = self._told().in_pandas()
        frame: pd.DataFrame = pandas.DataFrame(columns, self._index)
        return frame

    def _told(self) -> Texts:
        told = Texts(len(self._answers.numbers))
        for row, error in self._answers.errors.items():
            told.put(row, "; ".join(error.lines))
        return told

    def _in_library(self, failed: AnyArray) -> Any:
        from .narwhals_frames import built

        columns: dict[str, tuple[type, Any]] = {}
        if self._output.kind == "single_label":
            columns["label"] = str, self._answers.labels.as_objects()
        if self._output.kind == "multi_label":
            for name, mask in zip(self._names, self._answers.masks.T, strict=True):
                columns[flag(name)] = bool, _without(mask, failed)
        for name, numbers in zip(self._names, self._answers.numbers.T, strict=True):
            columns[_NAMES[self._output.kind](name)] = float, _without(numbers, failed)
        columns["warnings"] = str, self._answers.warnings.as_objects()
        columns["error"] = str, self._told().as_objects()
        return built(columns, sys.modules[self._library])


def _without(cells: AnyArray, failed: AnyArray) -> AnyArray:
    """Give cells as objects, None in the rows that failed."""
    objects = cells.astype(object)
    objects[failed] = None
    return objects


def _library(values: object) -> str:
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(values, (pandas.DataFrame, pandas.Series)):
        return "pandas"
    library = library_of(values, frames=True) or library_of(values, frames=False)
    if not library:
        problem = "expected a DataFrame or a Series of pandas or polars, or a Table of pyarrow"
        raise TypeError(f"{problem}, got {type(values).__name__}")
    return library


def _none_answered(count: int, first: CallError) -> CallError:
    """Make the error of a frame without a single answer out of its first row's."""
    code, message, *others = first.args
    return type(first)(
        code, f"none of {count} rows could be answered; the first: {message}", *others
    )
