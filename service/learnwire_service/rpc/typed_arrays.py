"""Typed arrays (FloatArray, IntArray, ...) to and from numpy."""

import math
from typing import Any

import numpy as np
from learnwire_client.arrays import AnyArray, checked_shape
from learnwire_client.errors import FieldError

from ..signature import ArrayInput


def decode_typed_array(message: Any, spec: ArrayInput) -> AnyArray:
    """Decode an array into the element type that the model takes.

    Raises:
        FieldError: shape and elements disagree, or an element is beyond that type. Its field is
            relative to the message (`shape` or `values`).
    """
    values, dtype = message.values, spec.numpy_dtype
    array = (
        np.frombuffer(values, np.uint8) if isinstance(values, bytes) else _converted(values, dtype)
    )
    shape = checked_shape(message.shape)
    if not shape and spec.shape:
        shape = (len(array),)
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
