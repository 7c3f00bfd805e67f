"""pandas DataFrames to and from Table messages, column by column."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from learnwire.v1 import io_pb2

from .arrays import AnyArray, decode_array, encode_array
from .errors import FieldError, below
from .texts import check_unicode

if TYPE_CHECKING:
    import pandas as pd

# What pandas' infer_dtype says of a column's cells: their type here, and what
# stands where the cell is null.
_CELL_TYPES: dict[str, tuple[type, Any]] = {
    "string": (object, ""),
    "boolean": (np.bool_, False),
    "integer": (np.int64, 0),
    "floating": (np.float64, 0),
    "mixed-integer-float": (np.float64, 0),
    "empty": (object, ""),
}
_DATES = ("datetime", "datetime64", "date")


def is_table(value: object) -> "TypeGuard[pd.DataFrame]":
    """Tell a pandas DataFrame from all else; pandas is never imported for it."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def encode_table(frame: "pd.DataFrame") -> io_pb2.Table:
    """Encode a frame; NaN, NA, NaT and None are null, and the frame's index is ignored.

    Columns hold bools, integers, floats, strings, or dates and times, which become
    ISO 8601; nullable, categorical and object columns too, where their cells are of
    one of these types.

    Raises:
        FieldError: a column's name is no string or stands twice, or its cells are
            of another type or mixed. Its field is such as `columns[2].values.data`.
            There are rows without columns; its field is `columns`.
    """
    table = io_pb2.Table()
    seen: set[str] = set()
    for position, (name, series) in enumerate(frame.items()):
        with below(f"columns[{position}]"):
            table.columns.append(_encode_column(_checked_name(name, seen), series))
    if len(frame) and not table.columns:
        raise FieldError("columns", "expected columns, got none")
    return table


def decode_table(message: io_pb2.Table) -> "pd.DataFrame":
    """Decode a frame, which needs pandas.

    Strings come as pandas' "string", all else as it was sent; where integers or bools have
    nulls among them, as pandas' nullable type of the same name.

    Raises:
        FieldError: a column contradicts itself or the others; its field is as in
            `encode_table`.
        ImportError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("a table needs pandas: pip install learnwire[pandas]") from error
    seen: set[str] = set()
    columns: dict[str, Any] = {}
    for position, column in enumerate(message.columns):
        with below(f"columns[{position}]"):
            columns[_checked_name(column.name, seen)] = cells = _decode_column(column)
            size = len(columns[message.columns[0].name])
            if len(cells) != size:
                problem = f"expected {size} cells as in the first, got {len(cells)}"
                raise FieldError("values", problem)
    return pd.DataFrame(columns)


def rows_of(frame: "pd.DataFrame") -> "Iterator[pd.Series[Any]]":
    """Give the rows one by one, each cell of its own type."""
    return (row for _, row in frame.astype(object).iterrows())


def _checked_name(name: object, seen: set[str]) -> str:
    if not isinstance(name, str):
        raise FieldError("name", f"expected a column name as str, got {name!r}")
    check_unicode("name", name)
    if name in seen:
        raise FieldError("name", f'expected each name once, got "{name}" again')
    seen.add(name)
    return name


def _encode_column(name: str, series: "pd.Series[Any]") -> io_pb2.Column:
    # What is done to a Series makes a Series; to its array it is many times cheaper.
    present = np.asarray(sys.modules["pandas"].notna(series.array))
    with below("values"):
        values = encode_array(_values(name, series, present))
    valid = None if present.all() else encode_array(present)
    return io_pb2.Column(name=name, values=values, valid=valid)


def _values(name: str, series: "pd.Series[Any]", present: AnyArray) -> AnyArray:
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return series.to_numpy()
    cells: AnyArray | list[Any] = np.asarray(series.array[present], dtype=object)
    kind = sys.modules["pandas"].api.types.infer_dtype(cells, skipna=False)
    if kind in _DATES:
        kind, cells = "string", [cell.isoformat() for cell in cells]
    if kind not in _CELL_TYPES:
        raise FieldError(
            "data", f'expected strings, numbers, bools or dates in column "{name}", got {kind}'
        )
    cell_type, filler = _CELL_TYPES[kind]
    values: AnyArray = np.full(len(series), filler, cell_type)
    try:
        values[present] = cells
    except OverflowError:
        raise FieldError(
            "data", f'expected integers of 64 bits in column "{name}", got larger ones'
        ) from None
    return values


def _decode_column(column: io_pb2.Column) -> Any:
    pandas = sys.modules["pandas"]
    values = _decode_cells("values", column.values)
    has_nulls = column.HasField("valid")
    valid = _decode_cells("valid", column.valid) if has_nulls else np.ones(len(values), np.bool_)
    if valid.dtype != np.bool_ or len(valid) != len(values):
        raise FieldError("valid", f"expected {len(values)} bools, got {len(valid)} {valid.dtype}")
    match values.dtype.kind:
        case "O":
            values[~valid] = None
            return pandas.array(values, "string")
        case "f":
            values[~valid] = np.nan
            return values
        case _ if valid.all():
            return values
        case "b":
            return pandas.arrays.BooleanArray(values, ~valid)
        case _:
            return pandas.arrays.IntegerArray(values, ~valid)


def _decode_cells(field: str, message: io_pb2.NdArray) -> AnyArray:
    """Decode cells that their owner may write to."""
    with below(field):
        cells = decode_array(message)
        if cells.ndim != 1:
            raise FieldError("shape", f"expected one dimension, got {cells.ndim}")
    return cells.copy()
