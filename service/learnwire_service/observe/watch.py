"""What is watched of a model's items and answers, beside the road of predictions."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..common.logs import get_logger
from ..signature.answers import Outcome, Stacked
from ..signature.columns import CheckedColumns, Columns
from ..signature.specs import Column, Signature
from ..signature.training import Feature, Training, watched
from ..signature.validation import MAX_FLOAT32, TYPES, Item
from .counting import (
    NULL,
    SKIPPED,
    UNKNOWN,
    Counted,
    Grid,
    Watched,
    answer_row,
    answer_values,
    watched_answers,
)
from .window import Window

# What has come is counted after so many seconds, or once it is so many items.
_SECONDS, _MANY = 2.0, 512
# Of many rows at once so many are counted; of very many items, so many at first and then a second.
_SAMPLE, _AT_FIRST, _EACH_SECOND = 256, 3000.0, 1000.0
_MISSING = object()

_log = get_logger()
P = ParamSpec("P")
_Method: TypeAlias = Callable[Concatenate["Watch", P], None]


def _silent(method: "_Method[P]") -> "_Method[P]":
    """Log what goes wrong inside: no caller is to get an error for it."""

    @wraps(method)
    def call(self: "Watch", /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception:  # noqa: BLE001 - see above
            if not self.told:
                self.told = True
                _log.warning("drift is not counted as it should be", model=self.name, exc_info=True)

    return call


class _Stream:
    """Features whose values come together.

    Args:
        watched: the features.
        start: where their counts begin in the window.
    """

    def __init__(self, watched: Sequence[Watched], start: int) -> None:
        self.grid = Grid(watched)
        self.place = slice(start, start + self.grid.width)
        self.rows: list[tuple[Any, ...]] = []
        self.blocks: list[NDArray[np.float64]] = []
        self._left = _AT_FIRST

    def affords(self, items: int) -> bool:
        """Tell whether so many more are to be counted, so that a flood of items costs little."""
        if self._left < items:
            return False
        self._left -= items
        return True

    def refill(self) -> None:
        """Let more be counted, after some seconds."""
        self._left = min(_AT_FIRST, self._left + _SECONDS * _EACH_SECOND)

    def taken(self) -> list[NDArray[np.float64]]:
        """Give the values that have been noted, as arrays [m, n], and forget them."""
        blocks, rows = self.blocks, self.rows
        self.blocks, self.rows = [], []
        return [*blocks, np.array(rows, np.float64).T] if rows else blocks


class Watch:
    """Counts what a model is asked and what it answers, in the bins of its training.

    A call only notes what is counted later, many at once, in a thread of its own. No method raises.

    Args:
        name: the model's full tag.
        signature: what it takes and answers.
        training: what is watched.
        counted: is called with this, in a thread, after something has been counted.

    Attributes:
        name: the model's full tag.
        untold: why what training looked like is not known.
        features: what is watched.
        told: whether the log has told of an error.
    """

    def __init__(
        self,
        name: str,
        signature: Signature,
        training: Training,
        counted: Callable[["Watch"], None] = lambda _: None,
    ) -> None:
        self.name, self.untold = name, training.untold
        columns = {column.name: column for column in watched(signature)}
        of_columns = [one for one in training.features if _is_of(one, columns)]
        of_texts = [one for one in training.features if one.of == "text"]
        of_answers = [one for one in training.features if one.of not in ("column", "text")]
        self.features = (*of_columns, *of_texts, *of_answers)
        self._columns = [columns[one.name] for one in of_columns]
        self._finders = [(one.name, _finder(one)) for one in self._columns]
        pairs = enumerate(zip(of_columns, self._columns, strict=True))
        inputs = [
            Watched(one, i, None, column.categories or (), column.typical_range)
            for i, (one, column) in pairs
        ]
        texts = [Watched(one, i) for i, one in enumerate(of_texts)]
        answers = watched_answers(of_answers, signature.output)
        self._rows = _Stream(inputs, 0)
        self._texts = _Stream(texts, self._rows.place.stop)
        self._answers = _Stream(answers, self._texts.place.stop)
        self._streams = (self._rows, self._texts, self._answers)
        self._window = Window(self.name.replace(":", "@"), self._answers.place.stop)
        self._items = 0
        self.told = False
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._timer: threading.Timer | None = None
        self._counted = counted

    def forget(self) -> None:
        """Leave nothing behind of a version that is served no longer."""
        with self._lock:
            self._counted = lambda watch: None
        self._window.forget()

    @_silent
    def saw(self, item: Item) -> None:
        """Note an item that fits the model."""
        if not self._rows.affords(1):
            return
        if self._columns:
            assert isinstance(item, dict)  # noqa: S101 - validation made it
            row = tuple(
                [
                    item[name] if find is None else find(item[name], UNKNOWN)
                    for name, find in self._finders
                ]
            )
            self._note(self._rows, [row], 1)
        else:
            self._note(self._rows, (), 1)

    @_silent
    def refused(self, value: object) -> None:
        """Note an item that does not fit: those of its cells that have their column's type."""
        if not self._rows.affords(1):
            return
        cells = value if isinstance(value, Mapping) else {}
        row = [_cell(column, cells) for column in self._columns]
        self._note(self._rows, [tuple(row)] if row and cells else (), 1)

    @_silent
    def saw_columns(self, columns: Columns, checked: CheckedColumns) -> None:
        """Count rows as columns, or some among very many, whether they fit or not."""
        rows = slice(None, None, -(-columns.size // _SAMPLE))
        items = len(range(columns.size)[rows])
        if not self._rows.affords(items):
            return
        if not self._columns:
            self._note(self._rows, (), items)
            return
        values = np.empty((len(self._columns), items))
        for own, column in zip(values, self._columns, strict=True):
            _fill(own, column, columns, checked, rows)
        self._note_block(self._rows, values, items)

    @_silent
    def measured(self, values: tuple[float, ...]) -> None:
        """Note what a plan measured of a text."""
        if self._texts.grid:
            self._note(self._texts, [values])

    @_silent
    def answered(self, outcome: Outcome) -> None:
        """Note an answer."""
        if self._answers.grid and self._answers.affords(1):
            self._note(self._answers, answer_row(outcome))

    @_silent
    def answered_all(self, answers: Stacked) -> None:
        """Count many answers, or some among very many."""
        step = -(-len(answers) // _SAMPLE)
        if self._answers.grid and self._answers.affords(len(range(0, len(answers), step))):
            self._note_block(self._answers, answer_values(answers, step))

    @_silent
    def settle(self) -> None:
        """Count what has been noted."""
        with self._lock:
            noted = [(stream, stream.taken()) for stream in self._streams]
            items, self._items = self._items, 0
        counts = np.zeros(self._streams[-1].place.stop)
        for stream, blocks in noted:
            if blocks:
                counts[stream.place] = stream.grid.count(np.concatenate(blocks, axis=1))
        if items or counts.any():
            with self._counting:
                self._window.add(items, counts)

    def read(self) -> tuple[int, list[Counted]]:
        """Tell how many items the window holds, and what was counted of each feature."""
        self.settle()
        items, counts = self._window.read()
        return items, [
            one for stream in self._streams for one in stream.grid.read(counts[stream.place])
        ]

    def _note(self, stream: _Stream, rows: Sequence[tuple[Any, ...]], items: int = 0) -> None:
        with self._lock:
            stream.rows += rows
            is_full = self._is_full(items)
        if is_full:
            self.settle()

    def _note_block(self, stream: _Stream, values: NDArray[np.float64], items: int = 0) -> None:
        with self._lock:
            stream.blocks.append(values)
            is_full = self._is_full(items)
        if is_full:
            self.settle()

    def _is_full(self, items: int) -> bool:
        """Add to the items that have been noted; what they are is counted soon at any rate."""
        self._items += items
        if self._timer is None:
            timer = threading.Timer(_SECONDS, self._tick)
            timer.daemon = True
            timer.start()
            self._timer = timer
        return self._items >= _MANY

    @_silent
    def _tick(self) -> None:
        with self._lock:
            self._timer = None
            for stream in self._streams:
                stream.refill()
        self.settle()
        self._counted(self)


def _is_of(feature: Feature, columns: Mapping[str, Column]) -> bool:
    """Tell a feature of one of these columns; what a store holds may be of any."""
    column = columns.get(feature.name) if feature.of == "column" else None
    if column is None:
        return False
    return (feature.categories is None) == (column.categories is None)


def _finder(column: Column) -> Callable[[Any, int], int] | None:
    """Give what finds the code of a category, or another one; None for a number."""
    if column.categories is None:
        return None
    codes: dict[Any, int] = {None: NULL, **column.positions}
    return codes.get


def _cell(column: Column, cells: Mapping[Any, Any]) -> float:
    """Give the value of a cell of an item that was refused."""
    cell = cells.get(column.name, _MISSING)
    if cell is None:
        return np.nan if column.categories is None else NULL
    if type(cell) not in TYPES[column.type]:
        return SKIPPED
    if column.categories is not None:
        return column.positions.get(cell, UNKNOWN)
    return float(cell) if abs(cell) <= MAX_FLOAT32 else SKIPPED


def _fill(
    own: NDArray[np.float64],
    column: Column,
    columns: Columns,
    checked: CheckedColumns,
    rows: slice,
) -> None:
    """Put the values of some rows of a column into an array."""
    if column.categories is None:
        own[:] = checked.numbers[column.name][rows]
        return
    own[:] = checked.positions[column.name][rows]
    if (unknown := own == NULL).any():
        valid = columns.cells[column.name].valid
        own[unknown if valid is None else unknown & valid[rows]] = UNKNOWN
