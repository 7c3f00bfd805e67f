"""Answers as a frame of the library that the question came from."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .answer_columns import flag, number, probability
from .answers import Answer, Chunk
from .arrays import AnyArray
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
        self._size = 0
        self._first_error: CallError | None = None
        shape = len(values), len(self._names)
        self._numbers = np.full(shape, np.nan, np.float32)
        self._masks = np.zeros(shape, np.bool_)
        self._labels, self._warnings, self._errors = (_Texts(len(values)) for _ in range(3))

    def add_all(self, answers: Iterable[Answer]) -> None:
        """Put answers, or the errors in their places, in the next rows."""
        if isinstance(answers, Chunk) and isinstance(answers.columns[-1], np.ndarray):
            self._add_chunk(answers)
            return
        for answer in answers:
            self._add(answer)

    def _add_chunk(self, chunk: Chunk) -> None:
        """Put a chunk column by column: a million objects would take longer than their answers."""
        first = self._size
        rows = slice(first, first + len(chunk))
        self._size += len(chunk)
        columns: tuple[Any, ...] = chunk.columns
        self._numbers[rows] = columns[-1]
        if self._output.kind == "single_label":
            self._labels.put_all(first, *columns[:2])
        elif self._output.kind == "multi_label":
            self._masks[rows] = columns[1]
        for row, warnings in chunk.warnings.items():
            self._warnings.put(first + row, "; ".join(warnings))
        for row, error in chunk.errors.items():
            self._fail(first + row, error)

    def _fail(self, row: int, error: CallError) -> None:
        self._first_error = self._first_error or error
        self._errors.put(row, "; ".join(error.lines))
        self._numbers[row], self._masks[row] = np.nan, False
        self._labels.put(row, None)
        self._warnings.put(row, None)

    def _add(self, answer: Answer) -> None:
        row = self._size
        self._size += 1
        if isinstance(answer, CallError):
            self._fail(row, answer)
            return
        self._numbers[row] = answer.probabilities
        if answer.warnings:
            self._warnings.put(row, "; ".join(answer.warnings))
        if self._output.kind == "single_label":
            self._labels.put(row, answer.label)
        elif self._output.kind == "multi_label":
            self._masks[row] = answer.index

    def build(self) -> Any:
        """Make the frame of all that was added.

        Raises:
            CallError: there is no answer to any row; of the kind of the first row's.
        """
        failed = self._errors.are_there
        if self._first_error is not None and failed.all():
            raise _none_answered(self._size, self._first_error)
        if self._library == "pandas":
            return self._in_pandas(failed)
        return self._in_library(failed)

    def _in_pandas(self, failed: AnyArray) -> "pd.DataFrame":
        pandas = sys.modules["pandas"]
        columns: dict[str, Any] = {}
        if self._output.kind == "single_label":
            columns["label"] = self._labels.in_pandas()
        if self._output.kind == "multi_label":
            for name, mask in zip(self._names, self._masks.T, strict=True):
                columns[flag(name)] = pandas.arrays.BooleanArray(mask.copy(), failed.copy())
        for name, numbers in zip(self._names, self._numbers.T, strict=True):
            columns[_NAMES[self._output.kind](name)] = numbers
        columns["warnings"] = self._warnings.in_pandas()
        columns["error"] = self._errors.in_pandas()
        frame: pd.DataFrame = pandas.DataFrame(columns, self._index)
        return frame

    def _in_library(self, failed: AnyArray) -> Any:
        from .narwhals_frames import built

        columns: dict[str, tuple[type, Any]] = {}
        if self._output.kind == "single_label":
            columns["label"] = str, self._labels.as_objects()
        if self._output.kind == "multi_label":
            for name, mask in zip(self._names, self._masks.T, strict=True):
                columns[flag(name)] = bool, _without(mask, failed)
        for name, numbers in zip(self._names, self._numbers.T, strict=True):
            columns[_NAMES[self._output.kind](name)] = float, _without(numbers, failed)
        columns["warnings"] = str, self._warnings.as_objects()
        columns["error"] = str, self._errors.as_objects()
        return built(columns, sys.modules[self._library])


class _Texts:
    """A column of texts that repeat, each of them held once; null where none was put.

    Args:
        size: how many rows it has.
    """

    def __init__(self, size: int) -> None:
        self._places: dict[str | None, int] = {None: 0}
        self._rows = np.zeros(size, np.int32)

    @property
    def are_there(self) -> AnyArray:
        """Where there are texts, as bools."""
        return self._rows > 0

    def put(self, row: int, text: str | None) -> None:
        """Put a text, or null, in a row."""
        self._rows[row] = self._places.setdefault(text, len(self._places))

    def put_all(self, first: int, labels: Sequence[str], indices: AnyArray) -> None:
        """Put the labels of some rows, alike where their indices are."""
        _, some, rows = np.unique(indices, return_index=True, return_inverse=True)
        places = [self._places.setdefault(labels[i], len(self._places)) for i in some.tolist()]
        self._rows[first : first + len(rows)] = np.array(places, np.int32)[rows]

    def in_pandas(self) -> Any:
        """Give it as pandas' array of "string"."""
        texts = sys.modules["pandas"].array(list(self._places), "string")
        return texts.take(self._rows)

    def as_objects(self) -> AnyArray:
        """Give it as objects."""
        texts = np.empty(len(self._places), object)
        texts[:] = list(self._places)
        return texts[self._rows]


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
