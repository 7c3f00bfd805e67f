"""Table messages to columns."""

import math
from collections.abc import Mapping

import numpy as np
from learnwire.v1 import io_pb2
from learnwire_client.arrays import AnyArray, decode_array
from learnwire_client.errors import FieldError, Violation
from learnwire_client.repeats import decode_indices, repeated
from numpy.typing import NDArray

from ..common.errors import InvalidInput
from ..signature.columns import Cells, Columns
from ..signature.specs import CellType, Column, InputSpec, TabularInput

_DTYPES = {
    CellType.STRING: np.dtype(object),
    CellType.INTEGER: np.dtype(np.int64),
    CellType.FLOAT: np.dtype(np.float64),
    CellType.BOOL: np.dtype(np.bool_),
    CellType.TIMESTAMP: np.dtype(object),
}
# More are brought to cells at once: each run of rows that is predicted looks at all of them.
_MOST_DISTINCT = 4096


class Strings:
    """Counts the strings of a request's arrays before they are made.

    Args:
        most: how many it may have.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0

    def __call__(self, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> None:
        """Count those of an array of that element type and shape.

        Raises:
            FieldError: they are too many. Its field is `data`.
        """
        if dtype.kind == "O":
            self._count += math.prod(shape)
        if self._count > self._most:
            raise FieldError(
                "data",
                f"expected at most {self._most} strings in all, got {self._count}; send fewer at "
                "a time, or raise --max-elements of the server",
            )


def decode_table(table: io_pb2.Table, spec: InputSpec, max_strings: int) -> Columns:
    """Bring a table to columns.

    Raises:
        InvalidInput: it has no columns, or they differ in length, share a name, contradict
            themselves, or hold more strings.
    """
    types = {column.name: column.type for column in _columns(spec)}
    if not table.columns:
        raise InvalidInput([Violation("table.columns", "expected the model's columns, got none")])
    return decode_columns(table, types, Strings(max_strings))


def decode_columns(
    table: io_pb2.Table, types: Mapping[str, CellType | None], strings: Strings
) -> Columns:
    """Bring a table to columns; `types` are those of plain values, where known.

    Raises:
        InvalidInput: as `decode_table`.
    """
    columns: dict[str, Cells] = {}
    size: int | None = None
    for i, column in enumerate(table.columns):
        try:
            cells = _cells(column, types.get(column.name), strings)
        except FieldError as error:
            raise InvalidInput([error.violation]).below(f"table.columns[{i}]") from None
        size = len(cells) if size is None else size
        if len(cells) != size:
            problem = f"expected {size} cells as in the first, got {len(cells)}"
            field = "values" if cells.indices is None else "indices"
            raise InvalidInput([Violation(f"table.columns[{i}].{field}", problem)])
        if column.name in columns:
            problem = f'expected names of their own, got "{column.name}" twice'
            raise InvalidInput([Violation(f"table.columns[{i}].name", problem)])
        columns[column.name] = cells
    return Columns(columns, size or 0)


def _columns(spec: InputSpec) -> tuple[Column, ...]:
    if not isinstance(spec, TabularInput):
        raise InvalidInput([Violation("table", f"expected {spec.kind}, got a table")])
    return spec.columns


def _cells(column: io_pb2.Column, cell_type: CellType | None, strings: Strings) -> Cells:
    default = _DTYPES[cell_type] if cell_type is not None else None
    values = _flat(column.values, "values", default, strings)
    valid = _valid(column.valid, strings) if column.HasField("valid") else None
    if column.HasField("indices"):
        indices = decode_indices(column.indices, values, valid)
        if 0 < len(values) <= _MOST_DISTINCT:
            return Cells(values, valid, indices)
        values = repeated(values, indices)
    if valid is not None and len(valid) != len(values):
        problem = f"expected {len(values)} elements as in values, got {len(valid)}"
        raise FieldError("valid", problem)
    return Cells(values, valid)


def _valid(message: io_pb2.NdArray, strings: Strings) -> NDArray[np.bool_]:
    valid = _flat(message, "valid", np.dtype(np.bool_), strings)
    if valid.dtype != np.bool_:
        raise FieldError("valid.data_type", f"expected bool, got {valid.dtype.name}")
    return valid


def _flat(
    message: io_pb2.NdArray, field: str, default: np.dtype[np.generic] | None, strings: Strings
) -> AnyArray:
    try:
        array = decode_array(message, default, strings)
    except FieldError as error:
        where = f"{field}.{error.violation.field}"
        raise FieldError(where, error.violation.description) from None
    if array.ndim != 1:
        raise FieldError(f"{field}.shape", f"expected one dimension, got {array.ndim}")
    return array
