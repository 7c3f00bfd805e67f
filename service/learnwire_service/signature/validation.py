"""Checks an item against a model's signature, before the model sees it.

fastai takes many wrong inputs without a word and answers nonsense (a string id
for an integer category, say). Here each of them is an error that names the cell.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from learnwire_client.arrays import decode_array, encode_array_like, is_array_like
from learnwire_client.errors import FieldError, Violation
from learnwire_client.images import encoded_image, is_image, is_pil_image, pixels_of
from learnwire_client.rows import Cell, cell_path, is_row, to_cells
from numpy.typing import NDArray

from ..common.bounds import DEFAULT_BOUNDS
from ..common.errors import InvalidInput
from .casting import cast, may_cast
from .specs import ArrayInput, ArraysInput, CellType, Column, InputSpec, TabularInput, TextInput

Row = dict[str, Cell]
Item = str | Row | NDArray[Any] | tuple[NDArray[Any], ...]


MAX_EXACT_INTEGER = 2**53
# What is said of NaN where null is meant.
NULL_HINT = "; a missing value is null"
# What the cells of each type are in Python.
TYPES: dict[CellType, tuple[type, ...]] = {
    CellType.STRING: (str,),
    CellType.TIMESTAMP: (str,),
    CellType.INTEGER: (float, int),
    CellType.FLOAT: (float, int),
    CellType.BOOL: (bool,),
}
MAX_FLOAT32 = float(np.finfo(np.float32).max)


class PartialRow(dict[str, Any]):
    """A row that may leave out what may be null, as in a model's own contract."""


@dataclass(frozen=True)
class Checked:
    """An item that fits, as the model takes it, and what its sender should know."""

    item: Item
    warnings: tuple[str, ...] = ()


def check(
    spec: InputSpec,
    value: object,
    *,
    max_text_chars: int,
    max_extra_columns: int = DEFAULT_BOUNDS.max_extra_columns,
) -> Checked:
    """Check one item.

    Args:
        spec: what the model takes.
        value: str for a text, Mapping or pandas Series for a row, ndarray, tensor or list for
            an array, also a Path, bytes or PIL image for an image, a tuple or list of these for
            several arrays. What a PartialRow leaves out is null where that is taken, with a
            warning; a row without a single cell is refused.
        max_text_chars: the longest text taken, in code points.
        max_extra_columns: how many columns a row may have that the model does not.

    Raises:
        InvalidInput: with one violation for each fault; paths as in a lone
            PredictRequest (`text.content`, `row.cells["x"]`, `array`).
    """
    match spec:
        case TextInput():
            return _check_text(value, max_text_chars)
        case TabularInput():
            return _check_row(spec, value, max_text_chars, max_extra_columns)
        case ArrayInput():
            return Checked(_checked_array(spec, value, "array"))
        case ArraysInput():
            return _check_arrays(spec, value)


def _check_text(value: object, max_chars: int) -> Checked:
    if not isinstance(value, str):
        raise _wrong_kind("text", "a text", value, _hint_of_several(value))
    if len(value) > max_chars:
        raise InvalidInput([Violation("text.content", _too_long(value, max_chars))])
    return Checked(str(value))


def _too_long(text: str, max_chars: int) -> str:
    return f"expected at most {max_chars} characters, got {len(text)}"


def _check_row(spec: TabularInput, value: object, max_text_chars: int, max_extra: int) -> Checked:
    if (row := _plain_row(spec, value)) is not None:
        return Checked(row)
    cells = _cells(value)
    ignored = extra_columns(spec, cells, "row.cells", max_extra)
    violations: list[Violation] = []
    warnings: list[str] = []
    if isinstance(value, PartialRow) and cells:
        _complete(spec, cells, warnings)
    row = {}
    for column in spec.columns:
        try:
            cell = _check_cell(column, cells, spec.unknown_categories, warnings)
            if isinstance(cell, str) and len(cell) > max_text_chars:
                raise FieldError(cell_path(column.name), _too_long(cell, max_text_chars))
            row[column.name] = cell
        except FieldError as error:
            violations.append(error.violation)
    if violations:
        raise InvalidInput(violations).below("row")
    return Checked(row, (*warnings, *ignored))


def _complete(spec: TabularInput, cells: Row, warnings: list[str]) -> None:
    """Put null for what was left out and may be."""
    names = [one.name for one in spec.columns if one.nullable and one.name not in cells]
    if names:
        cells.update(dict.fromkeys(names))
        warnings.append(left_out(names))


def left_out(names: Iterable[str]) -> str:
    """Give the warning that columns were left out."""
    return "left out, and taken as null: " + ", ".join(f'"{name}"' for name in names)


def extra_columns(
    spec: TabularInput, names: Iterable[str], path: str, most: int
) -> tuple[str, ...]:
    """Give the warning that names are not among the model's columns, where some are not.

    Raises:
        InvalidInput: more of them than `most` are not; its field is `path`.
    """
    extra = set(names) - {column.name for column in spec.columns}
    if len(extra) > most:
        problem = f"expected at most {most} columns that are not the model's, got {len(extra)}"
        raise InvalidInput([Violation(path, f"{problem}; send only those that the model has")])
    return (f"ignored, not among the model's columns: {_quoted(extra)}",) if extra else ()


def _plain_row(spec: TabularInput, value: object) -> Row | None:
    """Take the short way with a row that fits without a word; None where it may not."""
    if not isinstance(value, dict) or len(value) != len(spec.columns):
        return None
    row: Row = {}
    for column in spec.columns:
        cell = value.get(column.name)
        if cell is None:
            if not column.takes_null_silently or column.name not in value:
                return None
        elif type(cell) not in TYPES[column.type]:
            return None
        elif column.categories is not None:
            if (position := column.positions.get(cell)) is None:
                return None
            cell = column.categories[position]
        elif column.type is CellType.FLOAT and abs(cell) <= MAX_FLOAT32:
            cell = float(cell)
        else:
            return None
        row[column.name] = cell
    return row


def _cells(value: object) -> Row:
    if not is_row(value):
        raise _wrong_kind("row", "a row", value, _hint_of_several(value))
    try:
        # Who sends a mapping over the wire says null; NaN there is a mistake.
        return to_cells(value, nan_is_null=not isinstance(value, Mapping))
    except FieldError as error:
        raise InvalidInput([error.violation]).below("row") from None


def _check_cell(column: Column, cells: Row, unknown: str, warnings: list[str]) -> Cell:
    path = cell_path(column.name)
    if column.name not in cells:
        raise FieldError(path, f"expected {_described(column)}, got nothing: the column is missing")
    cell = cells[column.name]
    if cell is None:
        if not column.nullable:
            raise FieldError(path, f"expected {_described(column)}, got null")
        if not column.takes_null_silently:
            warnings.append(_unusual_null(column))
        return None
    cell = _typed(column, cell)
    if column.categories is not None and cell not in column.positions:
        if unknown == "refuse":
            raise FieldError(path, f"expected {_known(column)}, got {_shown(cell)}")
        warnings.append(
            f'column "{column.name}": {_shown(cell)} was not seen at training '
            "and was treated as missing"
        )
    return cell


def _unusual_null(column: Column) -> str:
    known = (
        "training had none" if column.nulls == "unseen" else "whether training had any is unknown"
    )
    return f'column "{column.name}": null was treated as missing; {known}'


def _typed(column: Column, cell: str | bool | int | float) -> Cell:
    """Return the cell in the column's own type, or refuse it."""
    match column.type, cell:
        case (CellType.STRING, str()) | (CellType.BOOL, bool()):
            return cell
        case (CellType.INTEGER | CellType.FLOAT, int() | float()) if not isinstance(cell, bool):
            return _number(column, cell)
        case CellType.TIMESTAMP, str():
            return _timestamp(column, cell)
        case CellType.FLOAT, bool() if column.binary:
            return float(cell)
    hint = _hint_of_text(column, cell) if isinstance(cell, str) else ""
    raise FieldError(
        cell_path(column.name), f"expected {_described(column)}, got {_shown(cell)}{hint}"
    )


def _hint_of_text(column: Column, cell: str) -> str:
    if column.type not in (CellType.INTEGER, CellType.FLOAT):
        return ""
    with suppress(ValueError):
        # JSON has no other way to write these.
        if not math.isfinite(number := float(cell)):
            return NULL_HINT if math.isnan(number) and column.nullable else ""
    return "; send the number without quotes"


def _number(column: Column, cell: int | float) -> int | float:
    path = cell_path(column.name)
    if not math.isfinite(cell):
        hint = NULL_HINT if math.isnan(cell) and column.nullable else ""
        raise FieldError(path, f"expected a finite number, got {cell}{hint}")
    if column.type is CellType.FLOAT:
        # The model computes in float32, where more is infinite.
        if column.categories is None and abs(cell) > MAX_FLOAT32:
            raise FieldError(path, f"expected a number that float32 can hold, got {cell:g}")
        return float(cell)
    if cell != int(cell) or abs(cell) > MAX_EXACT_INTEGER:
        raise FieldError(path, f"expected an integer within 2^53, got {cell}")
    return int(cell)


def _timestamp(column: Column, cell: str) -> str:
    try:
        return datetime.fromisoformat(cell).isoformat()
    except ValueError:
        problem = f"expected an ISO 8601 timestamp such as 2024-05-31T12:00:00, got {_shown(cell)}"
        raise FieldError(cell_path(column.name), problem) from None


def _check_arrays(spec: ArraysInput, value: object) -> Checked:
    if not isinstance(value, tuple | list):
        raise _wrong_kind("arrays", f"{len(spec.arrays)} arrays", value)
    if len(value) != len(spec.arrays):
        problem = f"expected {len(spec.arrays)} arrays, got {len(value)}"
        raise InvalidInput([Violation("arrays", problem)])
    parts = enumerate(zip(spec.arrays, value, strict=True))
    return Checked(
        tuple(_checked_array(one, part, f"arrays.arrays[{i}]") for i, (one, part) in parts)
    )


def _checked_array(spec: ArrayInput, value: object, path: str) -> NDArray[Any]:
    try:
        array = _array(spec, value, path)
        check_array(spec, array.dtype, array.shape)
        return cast(array, spec.numpy_dtype)
    except FieldError as error:
        raise InvalidInput([error.below(path).violation]) from None


def _array(spec: ArrayInput, value: object, path: str) -> NDArray[Any]:
    """Give what a caller in this process has for an array or an image; over the wire it is one."""
    if isinstance(value, np.ndarray):
        return value
    if spec.encoded and is_pil_image(value):
        return pixels_of(value, "RGB" if len(spec.shape) > 2 else "L")
    if spec.encoded and is_image(value):
        return np.frombuffer(encoded_image(value), np.uint8)
    if is_array_like(value):
        with suppress(TypeError):
            return decode_array(encode_array_like(value), spec.numpy_dtype)
    if spec.encoded and isinstance(value, str):
        raise _wrong_kind(path, "an image", value, '; in Python its file is given as Path("...")')
    hint = "; give its to_numpy()" if hasattr(value, "to_numpy") else ""
    raise _wrong_kind(path, "an image" if spec.encoded else "an array", value, hint)


def check_array(spec: ArrayInput, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Check what an array is, without its elements.

    Raises:
        FieldError: the model takes none of that type, nor one that is cast to it without loss
            of more than a float's last digits (its field is `data_type`), or of that `shape`.
    """
    if dtype != spec.numpy_dtype and (dtype.kind == "b" or not may_cast(dtype, spec.numpy_dtype)):
        raise FieldError("data_type", f"expected {spec.dtype}, got {dtype.name}")
    is_encoded = spec.encoded and len(shape) == 1 and shape[0] > 0
    if not is_encoded and not _fits(shape, spec.shape):
        also = ", or an encoded image [n]" if spec.encoded else ""
        problem = (
            f"expected {list(spec.shape)} ({', '.join(spec.axes)}; -1 is any size){also}, "
            f"got {list(shape)}"
        )
        raise FieldError("shape", problem)


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        got == size or (size == -1 and got > 0) for got, size in zip(shape, wanted, strict=True)
    )


def _quoted(names: Collection[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(f'"{name[:50]}"' for name in sorted(names)[:10]) + more


def _hint_of_several(value: object) -> str:
    several = isinstance(value, list) or hasattr(value, "iloc")
    return "; several items go to predict.run_batch" if several else ""


def _wrong_kind(field: str, wanted: str, value: object, hint: str = "") -> InvalidInput:
    kinds: dict[type, str] = {
        str: "a text",
        dict: "a row",
        np.ndarray: "an array",
        tuple: "several arrays",
    }
    got = kinds.get(type(value), type(value).__name__)
    return InvalidInput([Violation(field, f"expected {wanted}, got {got}{hint}")])


def _described(column: Column) -> str:
    article = "an" if column.type is CellType.INTEGER else "a"
    return f"{article} {column.type}" + (" or null" if column.nullable else "")


def _known(column: Column) -> str:
    if column.private:
        return "a value that training had (which those are is private)"
    categories = column.categories or ()
    more = f" and {len(categories) - 10} more" if len(categories) > 10 else ""
    return "one of " + ", ".join(map(_shown, categories[:10])) + more


def _shown(cell: Cell) -> str:
    if isinstance(cell, str):
        return f'the string "{cell if len(cell) <= 50 else cell[:50] + "..."}"'
    return str(cell).lower() if isinstance(cell, bool) else f"the number {cell:.15g}"
