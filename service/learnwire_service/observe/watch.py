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
from ..signature.specs import Column, Signature, TabularInput
from ..signature.training import Training, classes_of
from ..signature.validation import MAX_FLOAT32, TYPES, Item
from .tracks import NULL, SKIPPED, UNKNOWN, Counted, Track, answer_row, answer_rows, track_of
from .window import Window

# What has come is counted after so many seconds, or once it is so many items.
_SECONDS, _MANY = 2.0, 1024
# Of many rows at once about so many are counted.
_SAMPLE = 512
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
    """Features whose values come together, as rows: each in a column of its own.

    Args:
        places: for each track where its counts are, and the columns of values and of weights.
    """

    def __init__(self, places: Sequence[tuple[Track, slice, int, int | None]]) -> None:
        self.places = places
        self.rows: list[tuple[Any, ...]] = []

    def __bool__(self) -> bool:
        return bool(self.places)

    def count(self, into: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Count rows of values."""
        for track, place, column, weight in self.places:
            weights = None if weight is None else values[:, weight]
            track.count(into[place], values[:, column], weights)


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
        training: what is watched.
        told: whether the log has told of an error.
    """

    def __init__(
        self,
        name: str,
        signature: Signature,
        training: Training,
        counted: Callable[["Watch"], None] = lambda _: None,
    ) -> None:
        self.name, self.training = name, training
        spec = signature.input
        columns = {one.name: one for one in spec.columns} if isinstance(spec, TabularInput) else {}
        classes = classes_of(signature.output)
        self._tracks: list[tuple[Track, slice]] = []
        places: dict[str, list[tuple[Track, slice, int, int | None]]] = {}
        self._columns: list[Column] = []
        end = 0
        for feature in training.features:
            column = columns.get(feature.name) if feature.of == "column" else None
            track = track_of(feature, column, classes)
            place = slice(end, end := end + track.width)
            self._tracks.append((track, place))
            stream = feature.of if feature.of in ("column", "text") else "answer"
            own = places.setdefault(stream, [])
            if column is not None:
                self._columns.append(column)
            match feature.of:
                case "class":
                    own.append((track, place, 0, 1))
                case "sureness":
                    own.append((track, place, 1, None))
                case _:
                    own.append((track, place, len(own), None))
        self._rows, self._texts, self._answers = (
            _Stream(places.get(one, ())) for one in ("column", "text", "answer")
        )
        self._finders = [(one.name, _finder(one)) for one in self._columns]
        self._width = end
        self._window = Window(self.name.replace(":", "@"), end)
        self._items = 0
        self.told = False
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._timer: threading.Timer | None = None
        self._counted = counted

    @_silent
    def saw(self, item: Item) -> None:
        """Note an item that fits the model."""
        if self._rows and isinstance(item, dict):
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
        cells = value if isinstance(value, Mapping) else {}
        row = [_cell(column, cells) for column in self._columns]
        self._note(self._rows, [tuple(row)] if row and cells else (), 1)

    @_silent
    def saw_columns(self, columns: Columns, checked: CheckedColumns) -> None:
        """Count rows as columns, or some among very many, whether they fit or not."""
        rows = slice(None, None, max(1, columns.size // _SAMPLE))
        values = [_values(column, columns, checked, rows) for column in self._columns]
        items = len(range(columns.size)[rows])
        self._count(self._rows, np.stack(values, axis=1) if values else None, items)

    @_silent
    def measured(self, values: tuple[float, ...]) -> None:
        """Note what a plan measured of a text."""
        if self._texts:
            self._note(self._texts, [values])

    @_silent
    def answered(self, outcome: Outcome) -> None:
        """Note an answer."""
        if self._answers:
            self._note(self._answers, answer_row(outcome))

    @_silent
    def answered_all(self, answers: Stacked) -> None:
        """Count many answers, or some among very many."""
        if self._answers:
            self._count(self._answers, answer_rows(answers, max(1, len(answers) // _SAMPLE)))

    @_silent
    def settle(self) -> None:
        """Count what has been noted."""
        streams = (self._rows, self._texts, self._answers)
        with self._lock:
            noted = [stream.rows for stream in streams]
            items, self._items = self._items, 0
            for stream in streams:
                stream.rows = []
        for stream, rows in zip(streams, noted, strict=True):
            if rows:
                self._count(stream, np.array(rows, np.float64))
        if items:
            self._count(self._rows, None, items)

    def read(self) -> tuple[int, list[Counted]]:
        """Tell how many items the window holds, and what was counted of each feature."""
        self.settle()
        items, counts = self._window.read()
        return items, [track.read(counts[place]) for track, place in self._tracks]

    def _note(self, stream: _Stream, rows: Sequence[tuple[Any, ...]], items: int = 0) -> None:
        with self._lock:
            stream.rows += rows
            self._items += items
            is_full = self._items >= _MANY
            if self._timer is None:
                timer = threading.Timer(_SECONDS, self._tick)
                timer.daemon = True
                timer.start()
                self._timer = timer
        if is_full:
            self.settle()

    @_silent
    def _tick(self) -> None:
        with self._lock:
            self._timer = None
        self.settle()
        self._counted(self)

    def _count(self, stream: _Stream, values: NDArray[np.float64] | None, items: int = 0) -> None:
        into = np.zeros(self._width)
        if values is not None:
            stream.count(into, values)
        with self._counting:
            self._window.add(items, into)


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


def _values(
    column: Column, columns: Columns, checked: CheckedColumns, rows: slice
) -> NDArray[np.float64]:
    if column.categories is None:
        return checked.numbers[column.name][rows]
    codes = checked.positions[column.name][rows].astype(np.float64)
    valid = columns.cells[column.name].valid
    unknown = codes == NULL
    codes[unknown if valid is None else unknown & valid[rows]] = UNKNOWN
    return codes
