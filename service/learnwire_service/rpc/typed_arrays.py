"""Typed arrays (FloatArray, IntArray, ...) to and from numpy."""

import math
from typing import Any

import numpy as np
from learnwire_client.arrays import AnyArray, checked_shape
from learnwire_client.errors import FieldError


def decode_typed_array(
    message: Any, dtype: np.dtype[np.generic], *, is_scalar: bool = False
) -> AnyArray:
    """Decode an array into the model's element type.

    Args:
        message: the array.
        dtype: the model's element type.
        is_scalar: whether no shape means no dimension, rather than one.

    Raises:
        FieldError: shape and elements disagree, or an element is beyond that type. Its field is
            relative to the message (`shape` or `values`).
    """
    values = message.values
    array = (
        np.frombuffer(values, np.uint8) if isinstance(values, bytes) else _converted(values, dtype)
    )
    shape = checked_shape(message.shape) or (() if is_scalar else (len(array),))
    if len(array) != math.prod(shape):
        problem = f"expected {math.prod(shape)} elements for shape {list(shape)}, got {len(array)}"
        raise FieldError("values", problem)
    return array.reshape(shape)


def fill_typed_array(message: Any, array: AnyArray) -> None:
    """Fill a message with an array whose type it has."""
    message.shape.extend(array.shape)
    message.values.extend(array.ravel().tolist())


def _converted(values: Any, dtype: np.dtype[Any]) -> AnyArray:
    if dtype.kind in "iu":
        wide, limits = np.array(values, np.int64), np.iinfo(dtype)
        beyond = (wide < limits.min) | (wide > limits.max)
    elif dtype == np.float16:
        wide = np.array(values, np.float32)
        beyond = np.isfinite(wide) & (np.abs(wide) > np.finfo(np.float16).max)
    else:
        return np.array(values, dtype)
    if beyond.any():
        first = wide[beyond][0]
        raise FieldError("values", f"expected numbers that {dtype.name} can hold, got {first}")
    return wide.astype(dtype)
