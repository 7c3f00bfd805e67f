"""Tensors to items, and where in them the faults of items are.

Each of a table's columns is an input, or all of them are one matrix. The protocol has no null: what
is left out is null in all rows, and a BOOL input beside a column tells in which rows it is; NaN is
null, too.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from learnwire_client.arrays import AnyArray
from learnwire_client.errors import FieldError, Violation
from learnwire_client.rows import cell_path
from numpy.typing import NDArray

from ...common.bounds import Bounds
from ...common.errors import InvalidInput
from ...common.spelling import meant
from ...signature.columns import Cells, Columns
from ...signature.specs import ArrayInput, ArraysInput, CellType, Column, InputSpec, TabularInput
from ...signature.validation import check_array, left_out
from .tensors import BYTES, Tensor, datatype_of, path_of

TEXT, ARRAY, MATRIX = "text", "array", "rows"
NULL = "__null"
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
_MOST_LISTED, _MOST_FAULTS, _MOST_COMPARED, _LONGEST_NAME = 20, 10, 200, 100


@dataclass(frozen=True)
class Batch:
    """The items of a request.

    Attributes:
        items: each of them, or rows as columns.
        warnings: what their sender should know of all of them.
    """

    items: Sequence[object] | Columns
    warnings: tuple[str, ...] = ()

    @property
    def only(self) -> object:
        """The one item, where there is one."""
        return self.items.row(0) if isinstance(self.items, Columns) else self.items[0]


def array_names(spec: ArrayInput | ArraysInput) -> dict[str, ArrayInput]:
    """Give the arrays that a model takes by the names of their inputs."""
    if isinstance(spec, ArrayInput):
        return {ARRAY: spec}
    return {f"{ARRAY}_{i}": one for i, one in enumerate(spec.arrays, 1)}


def decode_batch(tensors: Mapping[str, Tensor], spec: InputSpec, bounds: Bounds) -> Batch:
    """Bring inputs to items.

    Raises:
        InvalidInput: they are not what the model takes.
    """
    with _refused():
        size = _size(tensors, bounds.max_items)
    match spec:
        case TabularInput():
            return _Table(spec, tensors, size).batch()
        case ArrayInput() | ArraysInput():
            return Batch(_arrays(spec, tensors))
        case _:
            _check_names(tensors, {TEXT: BYTES})
            with _refused():
                _check_datatype(tensors[TEXT], (BYTES,), BYTES)
                _check_flat(tensors[TEXT])
                return Batch(tensors[TEXT].texts().tolist())


def _size(tensors: Mapping[str, Tensor], most: int) -> int:
    """Give how many items there are, which all tensors have to agree on."""
    if not tensors:
        raise FieldError("inputs", "expected those of the model, got none")
    first, *others = tensors.values()
    for one in (first, *others):
        if not one.shape or not one.shape[0]:
            problem = f"expected a batch of 1 item or more, got {list(one.shape)}"
            raise FieldError(f"{one.path}.shape", problem)
        if one.shape[0] != first.shape[0]:
            problem = f"expected {first.shape[0]} items as in {first.path}, got {one.shape[0]}"
            raise FieldError(f"{one.path}.shape", problem)
    size = first.shape[0]
    if size > most:
        problem = f"expected at most {most} items, got {size}"
        way_out = "send fewer at a time, or raise --max-items of the server"
        raise FieldError(f"{first.path}.shape", f"{problem}; {way_out}")
    return size


def _check_names(tensors: Mapping[str, Tensor], wanted: Mapping[str, str]) -> None:
    """Refuse inputs that the model does not take, and miss those that it does."""
    strange = [_strange(name, wanted) for name in tensors if name not in wanted][:_MOST_FAULTS]
    missing = [
        Violation(path_of(name), f"expected {datatype}, got nothing: the input is missing")
        for name, datatype in wanted.items()
        if name not in tensors
    ]
    if faults := [*strange, *missing]:
        raise InvalidInput(faults)


def _strange(name: str, wanted: Collection[str]) -> Violation:
    known = ", ".join(f'"{one}"' for one in list(wanted)[:_MOST_LISTED])
    problem = f"expected {known}, got an input of another name"
    near = meant(name[:_LONGEST_NAME], list(wanted)[:_MOST_COMPARED])
    return Violation(path_of(name), f"{problem}{near}")


def _check_datatype(tensor: Tensor, taken: Sequence[str], told: str) -> None:
    if tensor.datatype not in taken:
        raise FieldError(f"{tensor.path}.datatype", f"expected {told}, got {tensor.datatype}")


def _check_flat(tensor: Tensor) -> None:
    if tensor.shape[1:] not in ((), (1,)):
        problem = f"expected [n] or [n, 1], got {list(tensor.shape)}"
        raise FieldError(f"{tensor.path}.shape", problem)


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except FieldError as error:
        raise InvalidInput([error.violation]) from None


def _arrays(spec: ArrayInput | ArraysInput, tensors: Mapping[str, Tensor]) -> list[object]:
    wanted = array_names(spec)
    _check_names(tensors, {name: datatype_of(one.numpy_dtype) for name, one in wanted.items()})
    with _refused():
        parts = [_array_items(one, tensors[name]) for name, one in wanted.items()]
    return list(parts[0]) if isinstance(spec, ArrayInput) else list(zip(*parts, strict=True))


def _array_items(spec: ArrayInput, tensor: Tensor) -> list[AnyArray]:
    if spec.encoded and tensor.datatype == BYTES:
        _check_flat(tensor)
        files = tensor.array().reshape(-1)
        return [np.frombuffer(one, np.uint8) for one in files]
    try:
        check_array(spec, tensor.dtype, tensor.shape[1:])
    except FieldError as error:
        if error.violation.field == "data_type":
            also = f", or {BYTES} of encoded images" if spec.encoded else ""
            told = f"expected {datatype_of(spec.numpy_dtype)}{also}, got {tensor.datatype}"
            raise FieldError(f"{tensor.path}.datatype", told) from None
        told = f"behind the batch {error.violation.description}"
        raise FieldError(f"{tensor.path}.shape", told) from None
    return list(tensor.array())


class _Table:
    """Brings inputs to rows as columns."""

    def __init__(self, spec: TabularInput, tensors: Mapping[str, Tensor], size: int) -> None:
        self._spec, self._tensors, self._size = spec, tensors, size
        names = {column.name for column in spec.columns}
        self._masks = {f"{name}{NULL}": name for name in names if f"{name}{NULL}" not in names}
        self._matrix: AnyArray | None = None
        self._has_matrix = MATRIX in tensors and MATRIX not in names

    def batch(self) -> Batch:
        """Give the rows."""
        columns = {one.name: one for one in self._spec.columns}
        given = {name for name in self._tensors if name in columns}
        self._check_names(columns)
        if self._has_matrix:
            given = set(columns)
            with _refused():
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
        return Batch(Columns(cells, self._size), (left_out(missing),) if missing else ())

    def _check_names(self, columns: Mapping[str, Column]) -> None:
        wanted = {
            one.name: DATATYPES[one.type]
            for one in columns.values()
            if not (one.nullable or self._has_matrix) or one.name in self._tensors
        }
        also = {name: _FLAG for name in self._masks if name in self._tensors}
        if self._has_matrix:
            _check_names(self._tensors, {MATRIX: "FP64", **also})
            return
        strange = [one for one in self._tensors if one not in columns and one not in also]
        if strange:
            raise InvalidInput([_strange(one, columns) for one in strange[:_MOST_FAULTS]])
        _check_names(self._tensors, {**wanted, **also})

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
        _check_datatype(tensor, (_FLAG,), _FLAG)
        _check_flat(tensor)
        nulls: NDArray[np.bool_] = tensor.array().reshape(-1)
        if name not in given and not nulls.all():
            problem = f'expected true in all rows, since there is no input "{name}"'
            raise FieldError(tensor.path, problem)
        return nulls

    def _values(self, column: Column, i: int, nulls: NDArray[np.bool_] | None) -> Cells:
        if self._matrix is not None:
            return _numbers(column, self._matrix[:, i], nulls, path_of(MATRIX))
        tensor = self._tensors[column.name]
        _check_flat(tensor)
        if DATATYPES[column.type] == BYTES:
            _check_datatype(tensor, (BYTES,), BYTES)
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


def finder(spec: InputSpec) -> Callable[[InvalidInput, int | None], InvalidInput]:
    """Give what tells of an item's faults by the inputs that they are in.

    It is given the error, and where the item is in its batch; None: it is the only one.
    """
    paths: dict[str, str] = {"text.content": path_of(TEXT), "text": path_of(TEXT)}
    match spec:
        case TabularInput(columns=columns):
            paths = {f"row.{cell_path(one.name)}": path_of(one.name) for one in columns}
        case ArrayInput():
            paths = {ARRAY: path_of(ARRAY)}
        case ArraysInput():
            names = enumerate(array_names(spec))
            paths = {f"arrays.arrays[{i}]": path_of(name) for i, name in names}

    def found(error: InvalidInput, index: int | None) -> InvalidInput:
        place = "" if index is None else f"[{index}]"
        return InvalidInput(
            [
                Violation(f"{_path(paths, one.field)}{place}", one.description)
                for one in error.violations
            ]
        )

    return found


def _path(paths: Mapping[str, str], field: str) -> str:
    if field in paths:
        return paths[field]
    return next((one for path, one in paths.items() if field.startswith(f"{path}.")), "inputs")
