"""Table messages to rows."""

from collections.abc import Iterator

import numpy as np
from learnwire.v1 import io_pb2
from learnwire_client.arrays import AnyArray, decode_array
from learnwire_client.errors import FieldError, Violation
from learnwire_client.rows import Cell

from ..errors import InvalidInput
from ..signature import CellType, Column, InputSpec, TabularInput

_DTYPES = {
    CellType.STRING: np.dtype(object),
    CellType.INTEGER: np.dtype(np.int64),
    CellType.FLOAT: np.dtype(np.float64),
    CellType.BOOL: np.dtype(np.bool_),
    CellType.TIMESTAMP: np.dtype(object),
}


def decode_table(table: io_pb2.Table, spec: InputSpec) -> Iterator[dict[str, Cell]]:
    """Bring a table to rows.

    Raises:
        InvalidInput: its columns differ in length, share a name, or contradict themselves.
    """
    types = {column.name: column.type for column in _columns(spec)}
    names = [column.name for column in table.columns]
    columns: list[list[Cell]] = []
    seen: set[str] = set()
    for i, column in enumerate(table.columns):
        try:
            columns.append(_cells(column, types.get(column.name)))
        except FieldError as error:
            raise InvalidInput([error.violation]).below(f"table.columns[{i}]") from None
        if len(columns[i]) != len(columns[0]):
            problem = f"expected {len(columns[0])} cells as in the first, got {len(columns[i])}"
            raise InvalidInput([Violation(f"table.columns[{i}].values", problem)])
        if column.name in seen:
            problem = f'expected names of their own, got "{column.name}" twice'
            raise InvalidInput([Violation(f"table.columns[{i}].name", problem)])
        seen.add(column.name)
    return (dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True))


def _columns(spec: InputSpec) -> tuple[Column, ...]:
    if not isinstance(spec, TabularInput):
        raise InvalidInput([Violation("table", f"expected {spec.kind}, got a table")])
    return spec.columns


def _cells(column: io_pb2.Column, cell_type: CellType | None) -> list[Cell]:
    default = _DTYPES[cell_type] if cell_type is not None else None
    cells: list[Cell] = _flat(column.values, "values", default).tolist()
    if not column.HasField("valid"):
        return cells
    valid = _flat(column.valid, "valid", np.dtype(np.bool_))
    if valid.dtype != np.bool_:
        raise FieldError("valid.data_type", f"expected bool, got {valid.dtype.name}")
    if len(valid) != len(cells):
        raise FieldError("valid", f"expected {len(cells)} elements as in values, got {len(valid)}")
    return [cell if ok else None for cell, ok in zip(cells, valid.tolist(), strict=True)]


def _flat(message: io_pb2.NdArray, field: str, default: np.dtype[np.generic] | None) -> AnyArray:
    try:
        array = decode_array(message, default)
    except FieldError as error:
        where = f"{field}.{error.violation.field}"
        raise FieldError(where, error.violation.description) from None
    if array.ndim != 1:
        raise FieldError(f"{field}.shape", f"expected one dimension, got {array.ndim}")
    return array
