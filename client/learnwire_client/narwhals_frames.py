"""Frames of polars and pyarrow, by way of narwhals."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
from learnwire.v1 import io_pb2
from narwhals.exceptions import DuplicateError

from .arrays import AnyArray, encode_array
from .errors import FieldError, below
from .frames import Frame
from .repeats import encode_repeats, find_repeats
from .tables import checked_name

# The types of cells that are no numbers and no bools: their array's, and what stands where the
# cell is null.
_CELL_TYPES: dict[type, tuple[type, Any]] = {
    str: (object, ""),
    int: (np.int64, 0),
    float: (np.float64, 0),
    bool: (np.bool_, False),
}
_DATES = (date, datetime)


class NarwhalsFrame(Frame):
    """A frame that narwhals has opened; see `frames.Frame`."""

    def __init__(self, frame: "nw.DataFrame[Any]") -> None:
        self._frame = frame

    @classmethod
    def of(cls, native: Any) -> Self:
        """Open a frame.

        Raises:
            FieldError: several of its columns have one name; its field is `columns`.
        """
        try:
            return cls(nw.from_native(native, eager_only=True))
        except DuplicateError:
            raise FieldError("columns", "expected each name once, got one again") from None

    @property
    def names(self) -> Sequence[Any]:
        """See `Frame`."""
        names: list[str] = self._frame.columns
        return names

    def __len__(self) -> int:
        return len(self._frame)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        rows: Iterator[Mapping[str, Any]] = self._frame.iter_rows(named=True)
        return rows

    def part(self, start: int, stop: int) -> "NarwhalsFrame":
        """See `Frame`."""
        return NarwhalsFrame(self._frame[start:stop])

    def only(self, positions: Sequence[int]) -> "NarwhalsFrame":
        """See `Frame`."""
        names = self._frame.columns
        return NarwhalsFrame(self._frame.select([names[i] for i in positions]))

    def number_type(self, position: int) -> str:
        """See `Frame`."""
        dtype = self._frame.schema[self._frame.columns[position]]
        return str(dtype) if dtype.is_integer() or dtype.is_float() else ""

    def encoded(self, repeating: Collection[str] = ()) -> io_pb2.Table:
        """See `Frame`."""
        table = io_pb2.Table()
        seen: set[str] = set()
        for i, name in enumerate(self._frame.columns):
            with below(f"columns[{i}]"):
                checked_name(name, seen)
                series = self._frame.get_column(name)
                table.columns.append(_encoded(name, series, repeats=name in repeating))
        if len(self) and not table.columns:
            raise FieldError("columns", "expected columns, got none")
        return table


def built(columns: Mapping[str, tuple[type, AnyArray]], library: Any) -> Any:
    """Make a frame of a library.

    Args:
        columns: the type of their cells (str, bool, or float for float32), and the cells, in
            which None is null.
        library: its module.
    """
    types = {str: nw.String(), bool: nw.Boolean(), float: nw.Float32()}
    schema = {name: types[kind] for name, (kind, _) in columns.items()}
    cells = {name: cells.tolist() for name, (_, cells) in columns.items()}
    return nw.from_dict(cells, schema, backend=library).to_native()


def _encoded(name: str, series: "nw.Series[Any]", *, repeats: bool) -> io_pb2.Column:
    with below("values"):
        cells, present = _arrays(series)
    some = None if present.all() else present
    found = find_repeats(cells.tolist()) if repeats and cells.dtype == object else None
    if found is not None:
        return encode_repeats(name, *found, some)
    with below("values"):
        values = encode_array(cells)
    valid = None if some is None else encode_array(some)
    return io_pb2.Column(name=name, values=values, valid=valid)


def _arrays(series: "nw.Series[Any]") -> tuple[AnyArray, AnyArray]:
    """Bring a column to an array, and one that tells which cells are neither null nor NaN."""
    dtype, null = series.dtype, series.is_null()
    if dtype.is_float():
        # As in a row, NaN is null.
        return series.fill_null(0).to_numpy(), ~(null | series.is_nan()).to_numpy()
    if dtype.is_integer() or dtype == nw.Boolean:
        filler = False if dtype == nw.Boolean else 0
        cells = series.fill_null(filler).to_numpy()
        if cells.dtype.kind in "biu":
            return cells, ~null.to_numpy()
    return _of_objects(series, ~null.to_numpy())


def _of_objects(series: "nw.Series[Any]", present: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Bring a column of other cells to an array."""
    try:
        cells = [cell for cell in series.to_list() if cell is not None]
    except ValueError as error:  # pyarrow's, of nanoseconds
        raise FieldError("data", f'column "{series.name}": {error}') from None
    kinds = set(map(type, cells)) or {str}
    if kinds <= set(_DATES):
        kinds, cells = {str}, [cell.isoformat() for cell in cells]
    kind = kinds.pop()
    if kinds or kind not in _CELL_TYPES:
        raise FieldError(
            "data",
            f'expected strings, numbers, bools or dates in column "{series.name}", '
            f"got {series.dtype}",
        )
    cell_type, filler = _CELL_TYPES[kind]
    values: AnyArray = np.full(len(present), filler, cell_type)
    try:
        values[present] = cells
    except OverflowError:
        problem = f'expected integers of 64 bits in column "{series.name}", got larger ones'
        raise FieldError("data", problem) from None
    return values, present
