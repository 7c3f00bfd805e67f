"""Rows of tensors.

Each of a table's columns is an input, or all of them are one matrix. The protocol has no null: what
is left out is null in all rows, and a BOOL input beside a column tells in which rows it is; NaN is
null, too.
"""

from collections.abc import Mapping

import numpy as np
from learnwire_client.arrays import AnyArray
from learnwire_client.errors import FieldError, Violation
from numpy.typing import NDArray

from ...common.errors import InvalidInput
from ...signature.columns import Cells, Columns
from ...signature.specs import CellType, Column, TabularInput
from ...signature.validation import left_out
from .checks import MOST_FAULTS, check_datatype, check_flat, check_names, refused, unknown_input
from .tensors import BYTES, Tensor, path_of

MATRIX, NULL = "rows", "__null"
DATATYPES = {
    CellType.STRING: BYTES,
    CellType.TIMESTAMP: BYTES,
    CellType.INTEGER: "INT64",
    CellType.FLOAT: "FP64",
    CellType.BOOL: "BOOL",
}
# What clients make of a missing value, which they have no other way to send as BYTES.
_MISSING = frozenset(("", "None", "nan", "NaN", "NaT", "<NA>"))
_FLAG = "BOOL"


class Table:
    """Brings inputs to rows as columns.

    Args:
        spec: what the model takes.
        tensors: the inputs, by their names.
        size: how many rows they are.
    """

    def __init__(self, spec: TabularInput, tensors: Mapping[str, Tensor], size: int) -> None:
        self._spec, self._tensors, self._size = spec, tensors, size
        names = {column.name for column in spec.columns}
        self._masks = {f"{name}{NULL}": name for name in names if f"{name}{NULL}" not in names}
        self._matrix: AnyArray | None = None
        self._has_matrix = MATRIX in tensors and MATRIX not in names

    def rows(self) -> tuple[Columns, tuple[str, ...]]:
        """Give the rows, and what their sender should know of all of them.

        Raises:
            InvalidInput: the tensors are not the columns that the model takes.
        """
        columns = {one.name: one for one in self._spec.columns}
        given = {name for name in self._tensors if name in columns}
        self._check_names(columns)
        if self._has_matrix:
            given = set(columns)
            with refused():
                self._matrix = self._read_matrix()
        cells: dict[str, Cells] = {}
        faults: list[Violation] = []
        for i, column in enumerate(self._spec.columns):
            try:
                nulls = self._nulls(column.name, given)
                values = self._values(column, i, nulls) if column.name in given else None
                cells[column.name] = _without(column, self._size) if values is None else values
            except FieldError as error:
                faults.append(error.violation)
        if faults:
            raise InvalidInput(faults)
        missing = [name for name in columns if name not in given]
        return Columns(cells, self._size), (left_out(missing),) if missing else ()

    def _check_names(self, columns: Mapping[str, Column]) -> None:
        wanted = {
            one.name: DATATYPES[one.type]
            for one in columns.values()
            if not (one.nullable or self._has_matrix) or one.name in self._tensors
        }
        also = {name: _FLAG for name in self._masks if name in self._tensors}
        if self._has_matrix:
            check_names(self._tensors, {MATRIX: "FP64", **also})
            return
        others = [one for one in self._tensors if one not in columns and one not in also]
        if others:
            raise InvalidInput([unknown_input(one, columns) for one in others[:MOST_FAULTS]])
        check_names(self._tensors, {**wanted, **also})

    def _read_matrix(self) -> AnyArray:
        tensor, width = self._tensors[MATRIX], len(self._spec.columns)
        if tensor.shape[1:] != (width,):
            problem = f"expected [n, {width}], a number for each column, got {list(tensor.shape)}"
            raise FieldError(f"{tensor.path}.shape", problem)
        if tensor.datatype == BYTES or tensor.datatype == _FLAG:
            problem = f"expected FP64 or other numbers, got {tensor.datatype}"
            raise FieldError(f"{tensor.path}.datatype", problem)
        texts = [one.name for one in self._spec.columns if DATATYPES[one.type] == BYTES]
        if texts:
            names = ", ".join(f'"{name}"' for name in texts[:10])
            problem = f"{names} hold no numbers: send an input for each column"
            raise FieldError(tensor.path, problem)
        return tensor.array()

    def _nulls(self, name: str, given: set[str]) -> NDArray[np.bool_] | None:
        """Tell in which rows a column is null, where its caller does."""
        tensor = self._tensors.get(f"{name}{NULL}")
        if tensor is None or tensor.name not in self._masks:
            return None
        check_datatype(tensor, (_FLAG,), _FLAG)
        check_flat(tensor)
        nulls: NDArray[np.bool_] = tensor.array().reshape(-1)
        if name not in given and not nulls.all():
            problem = f'expected true in all rows, since there is no input "{name}"'
            raise FieldError(tensor.path, problem)
        return nulls

    def _values(self, column: Column, i: int, nulls: NDArray[np.bool_] | None) -> Cells:
        if self._matrix is not None:
            return _numbers(column, self._matrix[:, i], nulls, path_of(MATRIX))
        tensor = self._tensors[column.name]
        check_flat(tensor)
        if DATATYPES[column.type] == BYTES:
            check_datatype(tensor, (BYTES,), BYTES)
            return _texts(column, tensor.texts(), nulls)
        is_wrong = tensor.datatype == BYTES or (
            tensor.datatype == _FLAG and not _takes_flags(column)
        )
        if is_wrong:
            told = f"{DATATYPES[column.type]}, or other numbers that fit"
            raise FieldError(f"{tensor.path}.datatype", f"expected {told}, got {tensor.datatype}")
        return _numbers(column, tensor.array().reshape(-1), nulls, tensor.path)


def _takes_flags(column: Column) -> bool:
    return column.type is CellType.BOOL or column.binary


def _without(column: Column, size: int) -> Cells:
    """Give a column that is null in all rows."""
    dtype = object if DATATYPES[column.type] == BYTES else np.float64
    kind = np.bool_ if column.type is CellType.BOOL else dtype
    return Cells(np.zeros(size, kind), np.zeros(size, np.bool_))


def _texts(column: Column, values: AnyArray, nulls: NDArray[np.bool_] | None) -> Cells:
    if column.categories is not None:
        for i, one in enumerate(values.tolist()):
            is_null = nulls is not None and nulls[i]
            if one in _MISSING and one not in column.positions and not is_null:
                raise FieldError(f"{path_of(column.name)}[{i}]", _missing(column, one))
    return Cells(values, None if nulls is None else ~nulls)


def _missing(column: Column, word: str) -> str:
    problem = f'expected a {column.type}, got "{word}", which clients make of a missing value'
    if not column.nullable:
        return f"{problem}; the column takes no null"
    return (
        f'{problem}; for null send a BOOL input "{column.name}{NULL}" that is true in such rows, '
        "or leave the input out where all rows are null"
    )


def _numbers(column: Column, values: AnyArray, nulls: NDArray[np.bool_] | None, path: str) -> Cells:
    """Give the cells of a column of numbers or bools, which is at a path."""
    valid = None if nulls is None else ~nulls
    if values.dtype.kind == "f" and (lacking := np.isnan(values)).any():
        valid = ~lacking if valid is None else valid & ~lacking
    if column.type is CellType.BOOL and values.dtype.kind != "b":
        wrong = (values != 0) & (values != 1)
        wrong &= True if valid is None else valid
        if wrong.any():
            i = int(wrong.argmax())
            problem = f'expected a bool, or 0 or 1, for "{column.name}", got {values[i]}'
            raise FieldError(f"{path}[{i}]", problem)
        values = values != 0
    if column.categories is not None and values.dtype in (np.float16, np.float32):
        values = _widened(column, values)
    return Cells(values, valid)


def _widened(column: Column, values: AnyArray) -> AnyArray:
    """Bring narrow numbers to the categories that they were made of: 0.1 in FP32 is none."""
    narrow = values.dtype.type
    with np.errstate(over="ignore"):
        made_of = {narrow(one).item(): one for one in column.categories or ()}
    return np.array([made_of.get(one, one) for one in values.tolist()], np.float64)
