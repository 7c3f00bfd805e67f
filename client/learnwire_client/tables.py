"""pandas DataFrames to and from Table messages, column by column."""

import sys
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from learnwire.v1 import io_pb2

from .arrays import AnyArray, decode_array, encode_array
from .errors import FieldError, below
from .repeats import decode_indices, encode_repeats, pays_off, repeated
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
# The kinds of an index that comes back as it was.
_INDEX_TYPES = ("integer", "floating", "string", "empty")
_DATES = ("datetime", "datetime64", "date")


def is_table(value: object) -> "TypeGuard[pd.DataFrame]":
    """Tell a pandas DataFrame from all else; pandas is never imported for it."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def encode_table(frame: "pd.DataFrame", repeating: Collection[str] = ()) -> io_pb2.Table:
    """Encode a frame; NaN, NA, NaT and None are null, and the frame's index is ignored.

    Columns hold bools, integers, floats, strings, or dates and times, which become
    ISO 8601; nullable, categorical and object columns too, where their cells are of
    one of these types.

    Args:
        frame: the rows.
        repeating: the columns of which each string is sent once, where it repeats.

    Raises:
        FieldError: a column's name is no string or stands twice, or its cells are
            of another type or mixed. Its field is such as `columns[2].values.data`.
            There are rows without columns; its field is `columns`.
    """
    table = io_pb2.Table()
    seen: set[str] = set()
    for position, (name, series) in enumerate(frame.items()):
        with below(f"columns[{position}]"):
            name = checked_name(name, seen)
            column = _encode_repeats(name, series) if name in repeating else None
            table.columns.append(column or _encode_column(name, series))
    if len(frame) and not table.columns:
        raise FieldError("columns", "expected columns, got none")
    return table


def encode_indexed_table(frame: "pd.DataFrame") -> io_pb2.Table:
    """Encode a frame with its index, where that is more than the rows' numbers.

    Raises:
        FieldError: as for `encode_table`, or the index is not of integers, floats or
            strings; its field is then `index`.
    """
    table = encode_table(frame)
    if not is_default(frame.index):
        table.index.CopyFrom(_encode_index(frame.index))
    return table


def is_default(index: "pd.Index[Any]") -> bool:
    """Tell whether an index only numbers the rows from 0."""
    return index.nlevels == 1 and index.name is None and index.equals(_numbers(len(index)))


def _numbers(count: int) -> "pd.Index[Any]":
    numbers: pd.Index[Any] = sys.modules["pandas"].RangeIndex(count)
    return numbers


def _encode_index(index: "pd.Index[Any]") -> io_pb2.Column:
    pandas = sys.modules["pandas"]
    kind = "several levels" if index.nlevels > 1 else pandas.api.types.infer_dtype(index, False)
    if kind not in _INDEX_TYPES or index.isna().any():
        problem = f"expected integers, floats or strings, each with a value, got {kind}"
        raise FieldError("index", f"{problem}; frame.reset_index() makes a column of it")
    if not (index.name is None or isinstance(index.name, str)):
        raise FieldError("index", f"expected a name as str, got {index.name!r}")
    with below("index"):
        return _encode_column(index.name or "", index.to_series())


def decode_index(message: io_pb2.Column, count: int) -> "pd.Index[Any]":
    """Decode the index of a table.

    Raises:
        FieldError: it is none for so many rows; its field is relative to the index.
    """
    labels, _ = decode_cells(message)
    if len(labels) != count:
        raise FieldError("values", f"expected a label for each of {count} rows, got {len(labels)}")
    if message.HasField("valid") or labels.dtype.kind not in "iufO":
        raise FieldError("values", "expected integers, floats or strings, none of them null")
    index: pd.Index[Any] = sys.modules["pandas"].Index(labels, name=message.name or None)
    return index


def decode_table(message: io_pb2.Table) -> "pd.DataFrame":
    """Decode a frame with its index, which needs pandas.

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
            columns[checked_name(column.name, seen)] = cells = _decode_column(column)
            size = len(columns[message.columns[0].name])
            if len(cells) != size:
                problem = f"expected {size} cells as in the first, got {len(cells)}"
                raise FieldError("values", problem)
    frame = pd.DataFrame(columns)
    if message.HasField("index"):
        with below("index"):
            frame.index = decode_index(message.index, len(frame))
    return frame


def rows_of(frame: "pd.DataFrame") -> "Iterator[pd.Series[Any]]":
    """Give the rows one by one, each cell of its own type."""
    return (row for _, row in frame.astype(object).iterrows())


def checked_name(name: object, seen: set[str]) -> str:
    """Give the name of a column, and take it among those seen.

    Raises:
        FieldError: it is no str, or was seen before; its field is `name`.
    """
    if not isinstance(name, str):
        raise FieldError("name", f"expected a column name as str, got {name!r}")
    check_unicode("name", name)
    if name in seen:
        raise FieldError("name", f'expected each name once, got "{name}" again')
    seen.add(name)
    return name


def to_arrays(name: str, series: "pd.Series[Any]") -> tuple[AnyArray, AnyArray | None]:
    """Bring the column of that name to an array, and one that tells which cells are not null.

    Returns:
        The cells, as `encode_table` sends them, and bools or, where none is null, None.

    Raises:
        FieldError: as for `encode_table`.
    """
    # What is done to a Series makes a Series; to its array it is many times cheaper.
    present = np.asarray(sys.modules["pandas"].notna(series.array))
    return _values(name, series, present), None if present.all() else present


def _encode_column(name: str, series: "pd.Series[Any]") -> io_pb2.Column:
    with below("values"):
        cells, present = to_arrays(name, series)
        values = encode_array(cells)
    valid = None if present is None else encode_array(present)
    return io_pb2.Column(name=name, values=values, valid=valid)


def _encode_repeats(name: str, series: "pd.Series[Any]") -> io_pb2.Column | None:
    """Encode a column of strings that repeat; None where it is none."""
    pandas = sys.modules["pandas"]
    if series.dtype.kind in "biufmM":
        return None
    try:
        indices, distinct = pandas.factorize(series.array)
    except TypeError:  # of a cell that is no string, nor a number
        return None
    strings = np.asarray(distinct, dtype=object)
    is_text = pandas.api.types.infer_dtype(strings, skipna=False) == "string"
    if not is_text or not pays_off(len(strings), len(indices)):
        return None
    present = indices >= 0
    return encode_repeats(name, strings, indices, None if present.all() else present)


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
    values, valid = decode_cells(column)
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


def decode_cells(column: io_pb2.Column) -> tuple[AnyArray, AnyArray]:
    """Decode the cells of a column, and which of them are not null, to arrays of its own.

    Raises:
        FieldError: it contradicts itself; its field is relative to the column.
    """
    values = _decode_cells("values", column.values)
    valid = _decode_cells("valid", column.valid) if column.HasField("valid") else None
    if valid is not None and valid.dtype != np.bool_:
        raise FieldError("valid", f"expected bools, got {valid.dtype}")
    if column.HasField("indices"):
        values = repeated(values, decode_indices(column.indices, values, valid))
    if valid is None:
        valid = np.ones(len(values), np.bool_)
    if len(valid) != len(values):
        raise FieldError("valid", f"expected {len(values)} bools, got {len(valid)}")
    return values, valid


def _decode_cells(field: str, message: io_pb2.NdArray) -> AnyArray:
    """Decode cells that their owner may write to."""
    with below(field):
        cells = decode_array(message)
        if cells.ndim != 1:
            raise FieldError("shape", f"expected one dimension, got {cells.ndim}")
    return cells.copy()
