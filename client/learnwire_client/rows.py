"""Rows as people hold them (dict, pandas Series) to and from TabularRow messages."""

import json
import math
import sys
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from google.protobuf import struct_pb2
from learnwire.v1 import io_pb2

from .errors import FieldError
from .texts import check_unicode

if TYPE_CHECKING:
    import pandas as pd

Cell = None | bool | int | float | str

_MAX_EXACT_INTEGER = 2**53


def is_row(value: object) -> "TypeGuard[Mapping[str, Any] | pd.Series[Any]]":
    """Tell a mapping or pandas Series from all else; pandas is never imported for it."""
    pandas = sys.modules.get("pandas")
    return isinstance(value, Mapping) or (pandas is not None and isinstance(value, pandas.Series))


def to_cells(row: "Mapping[str, Any] | pd.Series[Any]") -> dict[str, Cell]:
    """Bring the cells of a row to plain Python values, dates and times to ISO 8601.

    In a Series NaN, NA and NaT are null, as pandas means them; in a mapping NaN
    stays NaN, which the service refuses: say None.

    Raises:
        FieldError: a cell is no string, number, bool, date or null, or an integer is
            beyond 2^53, or its column is there twice; its field is `cells["name"]`.
            A column's name is no string; its field is `cells`.
    """
    nan_is_null = not isinstance(row, Mapping)
    cells: dict[str, Cell] = {}
    for name, value in row.items():
        if not isinstance(name, str):
            raise FieldError("cells", f"expected column names as str, got {name!r}")
        check_unicode("cells", name)
        if name in cells:
            raise FieldError(cell_path(name), "expected one cell for each column, got several")
        cells[name] = to_cell(name, value, nan_is_null=nan_is_null)
    return cells


def to_cell(name: str, value: Any, *, nan_is_null: bool) -> Cell:
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
    """Encode a row; see `to_cells` for what it may hold and for the errors."""
    message = io_pb2.TabularRow()
    for name, cell in to_cells(row).items():
        value = message.cells[name]
        if cell is None:
            value.null_value = struct_pb2.NULL_VALUE
        elif isinstance(cell, bool):
            value.bool_value = cell
        elif isinstance(cell, str):
            value.string_value = cell
        else:
            value.number_value = cell
    return message


def decode_row(message: io_pb2.TabularRow) -> dict[str, Cell]:
    """Decode a row; its numbers come as float.

    Raises:
        FieldError: a cell is a list or a struct.
    """
    return {name: decode_cell(name, value) for name, value in message.cells.items()}


def decode_cell(name: str, value: struct_pb2.Value) -> Cell:
    """Decode the cell of that name; errors as for `decode_row`."""
    match value.WhichOneof("kind"):
        case "number_value":
            return value.number_value
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
