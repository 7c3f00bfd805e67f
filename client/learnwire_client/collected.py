"""Answers put together in columns: no object for each of them."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .answers import Answer, Chunk
from .arrays import AnyArray
from .errors import CallError
from .model import Output


class Collected:
    """Collects answers of labels or numbers, row by row.

    Args:
        output: what the model answers.
        size: how many rows there will be.

    Attributes:
        numbers: the probabilities, or the numbers, float32 [n, names]; NaN where a row failed.
        masks: of several labels, which are predicted, bool [n, names].
        labels: of one label, that.
        warnings: those of each row, in one text.
        errors: those of the failed rows, by row.
    """

    def __init__(self, output: Output, size: int) -> None:
        self._kind = output.kind
        self._size = 0
        shape = size, len(output.names)
        self.numbers = np.full(shape, np.nan, np.float32)
        self.masks = np.zeros(shape, np.bool_)
        self.labels, self.warnings = Texts(size), Texts(size)
        self.errors: dict[int, CallError] = {}

    @property
    def failed(self) -> AnyArray:
        """Which rows failed, as bools."""
        failed = np.zeros(len(self.numbers), np.bool_)
        failed[list(self.errors)] = True
        return failed

    def add_all(self, answers: Iterable[Answer]) -> None:
        """Put answers, or the errors in their places, in the next rows."""
        if isinstance(answers, Chunk) and isinstance(answers.columns[-1], np.ndarray):
            self._add_chunk(answers)
            return
        for answer in answers:
            self._add(answer)

    def _add_chunk(self, chunk: Chunk) -> None:
        first = self._size
        rows = slice(first, first + len(chunk))
        self._size += len(chunk)
        columns: tuple[Any, ...] = chunk.columns
        self.numbers[rows] = columns[-1]
        if self._kind == "single_label":
            self.labels.put_all(first, *columns[:2])
        elif self._kind == "multi_label":
            self.masks[rows] = columns[1]
        for row, warnings in chunk.warnings.items():
            self.warnings.put(first + row, "; ".join(warnings))
        for row, error in chunk.errors.items():
            self._fail(first + row, error)

    def _add(self, answer: Answer) -> None:
        row = self._size
        self._size += 1
        if isinstance(answer, CallError):
            self._fail(row, answer)
            return
        self.numbers[row] = answer.probabilities
        if answer.warnings:
            self.warnings.put(row, "; ".join(answer.warnings))
        if self._kind == "single_label":
            self.labels.put(row, answer.label)
        elif self._kind == "multi_label":
            self.masks[row] = answer.index

    def _fail(self, row: int, error: CallError) -> None:
        self.errors[row] = error
        self.numbers[row], self.masks[row] = np.nan, False
        self.labels.put(row, None)
        self.warnings.put(row, None)


class Texts:
    """A column of texts that repeat, each of them held once; null where none was put.

    Args:
        size: how many rows it has.
    """

    def __init__(self, size: int) -> None:
        self._places: dict[str | None, int] = {None: 0}
        self._rows = np.zeros(size, np.int32)

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
