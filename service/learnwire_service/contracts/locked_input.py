"""What a contract takes: when a version fits it, and how it grows by one."""

from ..signature.specs import ArrayInput, ArraysInput, Column, InputSpec, TabularInput, TextInput
from .comments import quoted
from .fields import new_fields
from .lock import (
    LockedArray,
    LockedArrays,
    LockedColumn,
    LockedInput,
    LockedRow,
    LockedText,
)

_MESSAGES = {"f2": "FloatArray", "f4": "FloatArray", "f8": "DoubleArray", "u1": "ByteArray"}
_MESSAGES_BY_KIND = {
    "b": "BoolArray",
    "i": "IntArray",
    "u": "IntArray",
    "O": "StringArray",
    "U": "StringArray",
}
_WORDS = {
    "text": "a text",
    **dict.fromkeys(("row", "tabular"), "a row"),
    **dict.fromkeys(("array", "arrays"), "arrays"),
}


def locked_input(spec: InputSpec) -> LockedInput:
    """Give what takes what a first version takes."""
    match spec:
        case TextInput():
            return LockedText()
        case TabularInput(columns=columns):
            return LockedRow(columns=_with_columns((), columns))
        case _:
            return LockedArrays(arrays=_locked_arrays(arrays_of(spec)))


def input_breaks(locked: LockedInput, spec: InputSpec) -> list[str]:
    """Tell in words why stubs cannot send what a version takes; nothing if they can."""
    match locked, spec:
        case LockedText(), TextInput():
            return []
        case LockedRow(columns=columns), TabularInput():
            known = {column.original: column for column in columns}
            return [why for new in spec.columns for why in _column_breaks(known.get(new.name), new)]
        case LockedArrays(arrays=arrays), ArrayInput() | ArraysInput():
            specs = arrays_of(spec)
            if len(arrays) != len(specs):
                return [f"it takes {len(specs)} arrays, not {len(arrays)}"]
            return [why for pair in zip(arrays, specs, strict=True) for why in _array_breaks(*pair)]
        case _:
            return [f"it takes {_WORDS[spec.kind]}, not {_WORDS[locked.kind]}"]


def grown_input(locked: LockedInput, spec: InputSpec) -> LockedInput:
    """Give what also takes what a version takes that fits it."""
    match locked, spec:
        case LockedRow(columns=columns), TabularInput():
            return LockedRow(columns=_with_columns(columns, spec.columns))
        case LockedArrays(arrays=arrays), ArrayInput() | ArraysInput():
            pairs = zip(arrays, arrays_of(spec), strict=True)
            grown = [
                old.model_copy(update={"shape": new.shape, "encoded": new.encoded})
                for old, new in pairs
            ]
            return LockedArrays(arrays=tuple(grown))
        case _:
            return locked


def column_numbers(locked: LockedInput, spec: InputSpec) -> tuple[int, ...]:
    """Give the numbers of the columns that a version has; none where it takes no row."""
    if not isinstance(locked, LockedRow) or not isinstance(spec, TabularInput):
        return ()
    names = {column.name for column in spec.columns}
    return tuple(column.number for column in locked.columns if column.original in names)


def arrays_of(spec: ArrayInput | ArraysInput) -> tuple[ArrayInput, ...]:
    """Give the arrays, be they one or several."""
    return spec.arrays if isinstance(spec, ArraysInput) else (spec,)


def _with_columns(
    locked: tuple[LockedColumn, ...], columns: tuple[Column, ...]
) -> tuple[LockedColumn, ...]:
    specs = {column.name: column for column in columns}
    kept = [
        one.model_copy(update={"optional": True})
        if one.original not in specs or specs[one.original].nullable
        else one
        for one in locked
    ]
    added = [
        LockedColumn(
            **field.model_dump(),
            type=specs[field.original].type,
            optional=specs[field.original].nullable,
        )
        for field in new_fields(locked, list(specs), "column")
    ]
    return *kept, *added


def _column_breaks(known: LockedColumn | None, column: Column) -> list[str]:
    name = f"column {quoted(column.name)}"
    if known is None:
        return [] if column.nullable else [f"{name} is new and may not be null"]
    if known.type is not column.type:
        return [f"{name} is {column.type}, and was {known.type}"]
    if known.optional and not column.nullable:
        return [f"{name} may not be null, and could be left out{_why_no_null(column)}"]
    return []


def _why_no_null(column: Column) -> str:
    """Say what a saver may not expect of a category."""
    match column.nulls:
        case "unseen":
            return ' (training had no nulls there; nulls="allow" takes them)'
        case "unknown":
            return ' (whether training had nulls there is unknown; nulls="allow" takes them)'
        case _:
            return ""


def _locked_arrays(specs: tuple[ArrayInput, ...]) -> tuple[LockedArray, ...]:
    names = ["array"] if len(specs) == 1 else [f"array_{i}" for i in range(1, len(specs) + 1)]
    fields = new_fields((), names, "array")
    return tuple(
        LockedArray(
            **field.model_dump(),
            message=_message(spec),
            shape=spec.shape,
            encoded=spec.encoded,
        )
        for field, spec in zip(fields, specs, strict=True)
    )


def _message(spec: ArrayInput) -> str:
    """Give the message of `learnwire.v1` that holds such elements."""
    dtype = spec.numpy_dtype
    return _MESSAGES.get(dtype.str[1:]) or _MESSAGES_BY_KIND[dtype.kind]


def _array_breaks(locked: LockedArray, spec: ArrayInput) -> list[str]:
    reasons = []
    if _message(spec) != locked.message:
        reasons.append(f"{locked.name} is of {spec.dtype}, and was a {locked.message}")
    if not _takes(spec.shape, locked.shape):
        reasons.append(
            f"{locked.name} has the shape {list(spec.shape)}, and had {list(locked.shape)}"
        )
    if locked.encoded and not spec.encoded:
        reasons.append(f"{locked.name} is no encoded image any more")
    return reasons


def _takes(shape: tuple[int, ...], before: tuple[int, ...]) -> bool:
    return len(shape) == len(before) and all(
        size in (was, -1) for size, was in zip(shape, before, strict=True)
    )
