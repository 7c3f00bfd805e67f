"""The elements of a tensor as JSON has them, to their raw bytes."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from learnwire_client.errors import FieldError

from ...rpc.inference.tensors import raw_bytes, raw_of

_KINDS: Mapping[str, tuple[str, frozenset[type]]] = {
    "b": ("true or false", frozenset({bool})),
    "i": ("integers", frozenset({int})),
    "u": ("integers", frozenset({int})),
    "f": ("numbers", frozenset({int, float})),
    "O": ("strings", frozenset({str})),
}
_NULL: frozenset[type] = frozenset({type(None)})
_ADVICE = "a BOOL input with __null behind the column's name tells where it is null"


def raw_elements(data: object, dtype: np.dtype[Any], shape: tuple[int, ...], path: str) -> bytes:
    """Give elements, flat or nested as the shape is, as raw_input_contents has them.

    In floats null is NaN, for which JSON has no word.

    Raises:
        FieldError: they are not of that type, object for strings, and shape.
    """
    flat = _flat(data, path)
    if len(flat) != math.prod(shape):
        problem = f"expected {math.prod(shape)} elements for shape {list(shape)}, got {len(flat)}"
        raise FieldError(path, problem)
    noun, kinds = _KINDS[dtype.kind]
    strange = frozenset(map(type, flat)) - kinds - (_NULL if dtype.kind == "f" else frozenset())
    if strange:
        got = " and ".join(sorted(_NAMES.get(one, "other values") for one in strange))
        advice = f"; {_ADVICE}" if strange & _NULL else ""
        raise FieldError(path, f"expected {noun}, got {got}{advice}")
    if dtype.kind == "O":
        return raw_bytes([_encoded(one, f"{path}[{i}]") for i, one in enumerate(flat)])
    return raw_of(_MAKERS[dtype.kind](flat, dtype, path))


_NAMES = {
    type(None): "null",
    bool: "true or false",
    int: "integers",
    float: "numbers with a fraction",
    str: "strings",
    dict: "objects",
    list: "lists",
}


def _flat(data: object, path: str) -> list[Any]:
    level = data
    if not isinstance(level, list):
        raise FieldError(path, "expected a list of elements, flat or nested")
    while level and isinstance(level[0], list):
        if any(not isinstance(one, list) or len(one) != len(level[0]) for one in level):
            raise FieldError(path, "expected lists of equal length, got ragged ones")
        level = [element for one in level for element in one]
    return level


def _encoded(text: str, path: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise FieldError(path, "expected Unicode text, got a lone surrogate") from None


def _integers(flat: list[Any], dtype: np.dtype[Any], path: str) -> Any:
    limits = np.iinfo(dtype)
    if flat and not limits.min <= min(flat) <= max(flat) <= limits.max:
        problem = f"expected integers from {limits.min} to {limits.max}"
        raise FieldError(path, f"{problem}, got others")
    return np.array(flat, dtype)


def _floats(flat: list[Any], dtype: np.dtype[Any], path: str) -> Any:
    greater = FieldError(path, f"expected numbers that {dtype.name} can hold, got greater ones")
    try:
        wide = np.array([math.nan if one is None else one for one in flat], np.float64)
    except OverflowError:
        raise greater from None
    with np.errstate(over="ignore"):
        narrow = wide.astype(dtype)
    if (np.isinf(narrow) != np.isinf(wide)).any():
        raise greater
    return narrow


_MAKERS: Mapping[str, Callable[[list[Any], np.dtype[Any], str], Any]] = {
    "b": lambda flat, dtype, _: np.array(flat, dtype),
    "i": _integers,
    "u": _integers,
    "f": _floats,
}
