"""Typed arrays (FloatArray, IntArray, ...) to and from numpy."""

import math
from typing import Any

import numpy as np
from learnwire_client.arrays import AnyArray, checked_shape
from learnwire_client.errors import FieldError

from ..signature.specs import ArrayInput
from ..signature.validation import check_array

_PIECE = 2**16


def decode_typed_array(message: Any, spec: ArrayInput) -> AnyArray:
    """Decode an array into the element type that the model takes.

    Raises:
        FieldError: shape and elements disagree, the model takes no such shape, or an element is
            beyond that type. Its field is relative to the message (`shape` or `values`).
    """
    values, count = message.values, len(message.values)
    shape = checked_shape(message.shape)
    if not shape and spec.shape:
        shape = (count,)
    if count != math.prod(shape):
        problem = f"expected {math.prod(shape)} elements for shape {list(shape)}, got {count}"
        raise FieldError("values", problem)
    check_array(spec, spec.numpy_dtype, shape)
    array = (
        np.frombuffer(values, np.uint8)
        if isinstance(values, bytes)
        else converted(values, spec.numpy_dtype)
    )
    return array.reshape(shape)


def fill_typed_array(message: Any, array: AnyArray) -> None:
    """Fill a message with an array whose type it has."""
    message.shape.extend(array.shape)
    message.values.extend(array.ravel().tolist())


def read_numbers(values: Any, dtype: np.dtype[Any]) -> AnyArray:
    """Read the numbers of a message in pieces, between which other threads have their turn."""
    array = np.empty(len(values), dtype)
    for start in range(0, len(array), _PIECE):
        array[start : start + _PIECE] = values[start : start + _PIECE]
    return array


def converted(values: Any, dtype: np.dtype[Any]) -> AnyArray:
    """Bring the numbers of a message to an element type.

    Raises:
        FieldError: one is beyond the type. Its field is `values`.
    """
    if dtype.kind in "iu":
        wide, limits = read_numbers(values, np.dtype(np.int64)), np.iinfo(dtype)
        beyond = (wide < limits.min) | (wide > limits.max)
    elif dtype == np.float16:
        wide = read_numbers(values, np.dtype(np.float32))
        beyond = np.isfinite(wide) & (np.abs(wide) > np.finfo(np.float16).max)
    else:
        return read_numbers(values, dtype)
    if beyond.any():
        first = wide[beyond][0]
        raise FieldError("values", f"expected numbers that {dtype.name} can hold, got {first}")
    return wide.astype(dtype)
