"""Rows as people hold them (dict, pandas Series) to and from TabularRow messages."""

import json
import math
import sys
from collections.abc import Container, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from google.protobuf import struct_pb2
from learnwire.v1 import io_pb2

from .arrays import detached
from .errors import FieldError
from .texts import check_unicode

if TYPE_CHECKING:
    import pandas as pd

Cell = None | bool | int | float | str
# What an endpoint answers may have lists, nested as an array is.
Answered: TypeAlias = "Cell | list[Answered]"

_MAX_EXACT_INTEGER = 2**53


def is_row(value: object) -> "TypeGuard[Mapping[str, Any] | pd.Series[Any]]":
    """Tell a mapping or pandas Series from all else; pandas is never imported for it."""
    pandas = sys.modules.get("pandas")
    return isinstance(value, Mapping) or (pandas is not None and isinstance(value, pandas.Series))


def to_cells(
    row: "Mapping[str, Any] | pd.Series[Any]", *, nan_is_null: bool = True
) -> dict[str, Cell]:
    """Bring the cells of a row to plain Python values, dates and times to ISO 8601.

    NA and NaT are null, and so is NaN, as pandas means it.

    Args:
        row: the row.
        nan_is_null: False leaves NaN as it is.

    Raises:
        FieldError: a cell is no string, number, bool, date or null, or an integer is
            beyond 2^53, or its column is there twice; its field is `cells["name"]`.
            A column's name is no string; its field is `cells`.
    """
    cells: dict[str, Cell] = {}
    for key, value in row.items():
        name = _checked_name(key, cells)
        cells[name] = to_cell(name, value, nan_is_null=nan_is_null)
    return cells


def nan_as_none(value: object) -> Any:
    """Give a mapping with None where it has NaN, and all else as it is."""
    if not isinstance(value, Mapping) or not any(map(_is_nan, value.values())):
        return value
    return {name: None if _is_nan(cell) else cell for name, cell in value.items()}


def _is_nan(cell: object) -> bool:
    return isinstance(cell, float | np.floating) and math.isnan(cell)


def to_answered(row: "Mapping[str, Any] | pd.Series[Any]") -> dict[str, Answered]:
    """Bring the cells of an answer to plain Python values, as `to_cells`.

    Arrays, tensors, lists and tuples become lists; one of no dimension is its element.
    """
    cells: dict[str, Answered] = {}
    for key, value in row.items():
        name = _checked_name(key, cells)
        cells[name] = _to_answered(name, value)
    return cells


def _checked_name(name: object, before: Container[object]) -> str:
    if not isinstance(name, str):
        raise FieldError("cells", f"expected column names as str, got {name!r}")
    check_unicode("cells", name)
    if name in before:
        raise FieldError(cell_path(name), "expected one cell for each column, got several")
    return name


def _to_answered(name: str, value: Any) -> Answered:
    value = detached(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_to_answered(name, one) for one in value]
    return to_cell(name, value)


def to_cell(name: str, value: Any, *, nan_is_null: bool = True) -> Cell:
    """Bring the cell of that name to a plain Python value; errors as for `to_cells`."""
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    # item() would make plain integers of durations in nanoseconds.
    if isinstance(value, np.generic) and not isinstance(value, np.timedelta64):
        value = value.item()
    if isinstance(value, str):
        check_unicode(cell_path(name), value)
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > _MAX_EXACT_INTEGER:
            raise FieldError(cell_path(name), f"expected an integer within 2^53, got {value}")
        return value
    if isinstance(value, float):
        return None if nan_is_null and math.isnan(value) else value
    pandas = sys.modules.get("pandas")
    if pandas is not None and (value is pandas.NA or value is pandas.NaT):
        return None
    if isinstance(value, date):
        return value.isoformat()
    raise FieldError(
        cell_path(name),
        f"expected a string, number, bool, date or null, got {type(value).__name__}",
    )


def cell_path(name: str) -> str:
    """Give the path of a cell in error messages, relative to the row."""
    return f"cells[{json.dumps(name, ensure_ascii=False)}]"


def encode_row(row: "Mapping[str, Any] | pd.Series[Any]") -> io_pb2.TabularRow:
    """Encode a row for a model, which knows its columns' order and types itself.

    See `to_cells` for what it may hold and for the errors.
    """
    message = io_pb2.TabularRow()
    for name, cell in to_cells(row).items():
        _fill(message.cells[name], cell)
    return message


def encode_ordered_row(cells: Mapping[str, Answered]) -> io_pb2.TabularRow:
    """Encode plain cells with their columns' order, and with which numbers are integers."""
    message = io_pb2.TabularRow()
    for name, cell in cells.items():
        _fill(message.cells[name], cell)
        message.columns.append(name)
        if _is_integral(cell):
            message.integers.append(name)
    return message


def _fill(value: struct_pb2.Value, cell: Answered) -> None:
    if cell is None:
        value.null_value = struct_pb2.NULL_VALUE
    elif isinstance(cell, bool):
        value.bool_value = cell
    elif isinstance(cell, str):
        value.string_value = cell
    elif isinstance(cell, list):
        value.list_value.SetInParent()
        for one in cell:
            _fill(value.list_value.values.add(), one)
    else:
        value.number_value = cell


def _is_integral(cell: Answered) -> bool:
    if isinstance(cell, list):
        return bool(cell) and all(map(_is_integral, cell))
    return isinstance(cell, int) and not isinstance(cell, bool)


def decode_row(message: io_pb2.TabularRow) -> dict[str, Cell]:
    """Decode a row, its cells in the order that it says, or else in that of their names.

    Numbers come as float, but for those that it says to be integers.

    Raises:
        FieldError: a cell is a list or a struct, or NaN, or no integer where it says so; or
            what it says of its columns is not so.
    """
    names, integers = _order(message), frozenset(message.integers)
    row: dict[str, Cell] = {}
    for name in names:
        cell = decode_cell(name, message.cells[name])
        row[name] = _to_integer(name, cell) if name in integers else cell
    return row


def decode_answered(message: io_pb2.TabularRow) -> dict[str, Answered]:
    """Decode a row of an answer, whose cells may be lists; see `decode_row`."""
    names, integers = _order(message), frozenset(message.integers)
    row: dict[str, Answered] = {}
    for name in names:
        row[name] = _decode_answered(name, message.cells[name], name in integers)
    return row


def _order(message: io_pb2.TabularRow) -> list[str]:
    """Give the names of the columns in their order."""
    for i, name in enumerate(message.integers):
        if name not in message.cells:
            raise FieldError(f"integers[{i}]", f'expected the name of a cell, got "{name}"')
    if not message.columns:
        return sorted(message.cells)
    seen: set[str] = set()
    for i, name in enumerate(message.columns):
        if name not in message.cells:
            raise FieldError(f"columns[{i}]", f'expected the name of a cell, got "{name}"')
        if name in seen:
            raise FieldError(f"columns[{i}]", f'expected each name once, got "{name}" again')
        seen.add(name)
    if missing := sorted(message.cells.keys() - seen):
        raise FieldError("columns", f'expected the names of all cells, "{missing[0]}" is missing')
    return list(message.columns)


def _decode_answered(name: str, value: struct_pb2.Value, integral: bool) -> Answered:
    if value.WhichOneof("kind") == "list_value":
        return [_decode_answered(name, one, integral) for one in value.list_value.values]
    cell = decode_cell(name, value)
    return _to_integer(name, cell) if integral else cell


def _to_integer(name: str, cell: Cell) -> Cell:
    if not isinstance(cell, float):
        return cell
    if not cell.is_integer() or abs(cell) > _MAX_EXACT_INTEGER:
        raise FieldError(cell_path(name), f"expected an integer within 2^53, got {cell:.15g}")
    return int(cell)


def decode_cell(name: str, value: struct_pb2.Value) -> Cell:
    """Decode the cell of that name; errors as for `decode_row`."""
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            if math.isnan(number):
                problem = "expected a finite number, got nan; a missing value is null"
                raise FieldError(cell_path(name), problem)
            return number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value" | "struct_value" as kind:
            raise FieldError(
                cell_path(name),
                f"expected a string, number, bool or null, got a {kind.removesuffix('_value')}",
            )
        case _:
            return None
