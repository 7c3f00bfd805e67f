"""NdArray messages to and from numpy.

The one codec of both sides of the wire. Nothing is allocated before the
message's shape, type and size have been found to agree.
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias, TypeGuard

import numpy as np
from google.protobuf import struct_pb2
from learnwire.v1 import io_pb2
from numpy.typing import NDArray

from .errors import FieldError
from .texts import check_unicode

AnyArray = NDArray[Any]
# A tensor of any library, which numpy makes an array of, is a SupportsArray.
ArrayLike: TypeAlias = "AnyArray | list[Any] | SupportsArray"
# Raises a FieldError where no array of that element type and shape is wanted.
Accept = Callable[[np.dtype[Any], tuple[int, ...]], None]


class SupportsArray(Protocol):
    """Gives itself as an array, as the tensors of torch, TensorFlow and JAX do."""

    def __array__(self) -> AnyArray:
        """Give it."""


_NUMPY_TYPES: "dict[io_pb2.DataType.ValueType, np.dtype[Any]]" = {
    io_pb2.DATA_TYPE_BOOL: np.dtype(np.bool_),
    io_pb2.DATA_TYPE_INT8: np.dtype("<i1"),
    io_pb2.DATA_TYPE_INT16: np.dtype("<i2"),
    io_pb2.DATA_TYPE_INT32: np.dtype("<i4"),
    io_pb2.DATA_TYPE_INT64: np.dtype("<i8"),
    io_pb2.DATA_TYPE_UINT8: np.dtype("<u1"),
    io_pb2.DATA_TYPE_UINT16: np.dtype("<u2"),
    io_pb2.DATA_TYPE_UINT32: np.dtype("<u4"),
    io_pb2.DATA_TYPE_UINT64: np.dtype("<u8"),
    io_pb2.DATA_TYPE_FLOAT16: np.dtype("<f2"),
    io_pb2.DATA_TYPE_FLOAT32: np.dtype("<f4"),
    io_pb2.DATA_TYPE_FLOAT64: np.dtype("<f8"),
    io_pb2.DATA_TYPE_STRING: np.dtype(object),
}
_DATA_TYPES = {dtype: data_type for data_type, dtype in _NUMPY_TYPES.items()}
_STRING = np.dtype(object)
_MAX_DIMENSIONS = 32
_MAX_ELEMENTS = 2**31 - 1


def detached(value: object) -> Any:
    """Give a torch tensor as an array, all else as it is; torch is never imported for it."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return value
    tensor: Any = value
    tensor = tensor.detach().cpu()
    return np.asarray(tensor.float() if tensor.dtype is torch.bfloat16 else tensor)


def data_type_of(dtype: np.dtype[Any]) -> "io_pb2.DataType.ValueType":
    """Give the wire's name of an element type.

    Raises:
        FieldError: it has none. Its field is `data_type`.
    """
    data_type = _DATA_TYPES.get(dtype.newbyteorder("<"))
    if data_type is None:
        raise FieldError("data_type", f"expected bools, integers, floats or strings, got {dtype}")
    return data_type


def dtype_of(data_type: "io_pb2.DataType.ValueType") -> np.dtype[Any] | None:
    """Give the element type of that name, object for strings; None where there is none."""
    return _NUMPY_TYPES.get(data_type)


def encode_array(array: AnyArray | Sequence[Any]) -> io_pb2.NdArray:
    """Encode an array, of any layout and byte order, as row-major little-endian bytes.

    Strings may be a numpy string array or an object array of str.

    Raises:
        FieldError: the array's type has no counterpart on the wire (its field is
            `data_type`), or an element has none (`data`).
    """
    array = np.asarray(array)
    if array.dtype.kind in "UT":
        array = array.astype(object)
    data_type = data_type_of(array.dtype)
    dtype = _NUMPY_TYPES[data_type]
    data = _join_strings(array) if dtype == _STRING else array.astype(dtype, copy=False).tobytes()
    return io_pb2.NdArray(shape=array.shape, data_type=data_type, data=data)


def is_array_like(value: object) -> "TypeGuard[ArrayLike]":
    """Tell arrays, tensors of any library, and lists from all else."""
    if isinstance(value, (np.ndarray, list)):
        return True
    # What has columns is a frame, and what is numpy's and no array a single number.
    is_array = all(hasattr(value, name) for name in ("__array__", "ndim", "shape"))
    return is_array and not hasattr(value, "columns") and not isinstance(value, np.generic)


def encode_array_like(value: ArrayLike) -> io_pb2.NdArray:
    """Encode an array, a tensor, or nested lists of numbers or bools.

    Lists go as plain values, to which the receiver gives their type.

    Raises:
        FieldError: as for `encode_array`; or lists are ragged (its field is `values`).
        TypeError: these are lists of other things, such as texts.
    """
    if not isinstance(value, list):
        return encode_array(np.asarray(detached(value)))
    try:
        array = np.asarray(value)
    except ValueError:
        raise FieldError("values", "expected lists of equal length, got ragged ones") from None
    if array.dtype.kind not in "biuf":
        raise TypeError("expected a list of numbers or bools; send several items with predict_many")
    if array.dtype.kind in "iu" and (np.abs(array.astype(np.float64)) >= 2**53).any():
        return encode_array(array)  # plain values are doubles
    message = io_pb2.NdArray(shape=array.shape)
    message.values.extend(array.ravel().tolist())
    return message


def decode_array(
    message: io_pb2.NdArray,
    default: np.dtype[Any] | None = None,
    accept: Accept | None = None,
) -> AnyArray:
    """Decode an array; one sent as `data` is a read-only view of its bytes.

    Args:
        message: the array as it came.
        default: the element type of `values` where the message does not say one.
        accept: is told element type and shape before any element is read, and may raise a
            FieldError.

    Raises:
        FieldError: shape, type and contents disagree. Its field is relative to the
            message (`shape`, `data_type`, `data` or `values`).
    """
    if message.HasField("values"):
        if message.data:
            raise FieldError("values", "expected either data or values, got both")
        return _decode_values(message, default, accept)
    dtype = _dtype(message, None)
    shape = checked_shape(message.shape)
    count = math.prod(shape)
    if accept is not None:
        accept(dtype, shape)
    data = message.data  # once: each look at it makes a copy
    if dtype == _STRING:
        return _split_strings(data, count).reshape(shape)
    if len(data) != count * dtype.itemsize:
        raise FieldError(
            "data",
            f"expected {count * dtype.itemsize} bytes for shape {list(shape)} of {dtype.name}, "
            f"got {len(data)}",
        )
    if dtype.kind == "b" and data.strip(b"\x00\x01"):
        raise FieldError("data", "expected only the bytes 0 and 1 for bool, got others")
    return np.frombuffer(data, dtype).reshape(shape)


def _dtype(message: io_pb2.NdArray, default: np.dtype[Any] | None) -> np.dtype[Any]:
    if message.data_type == io_pb2.DATA_TYPE_UNSPECIFIED and default is not None:
        return default
    dtype = dtype_of(message.data_type)
    if dtype is None:
        raise FieldError("data_type", f"expected a DataType, got {message.data_type}")
    return dtype


def checked_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Give a shape as a tuple.

    Raises:
        FieldError: an array cannot have it. Its field is `shape`.
    """
    if len(shape) > _MAX_DIMENSIONS:
        raise FieldError(
            "shape", f"expected at most {_MAX_DIMENSIONS} dimensions, got {len(shape)}"
        )
    if any(size < 0 for size in shape):
        raise FieldError("shape", f"expected no negative dimension, got {list(shape)}")
    if math.prod(size for size in shape if size) > _MAX_ELEMENTS:
        raise FieldError("shape", f"expected at most {_MAX_ELEMENTS} elements, got {list(shape)}")
    return tuple(shape)


def _decode_values(
    message: io_pb2.NdArray, default: np.dtype[Any] | None, accept: Accept | None
) -> AnyArray:
    dtype = _dtype(message, default)
    nested = _nested_shape(message.values)
    shape = checked_shape(message.shape) if message.shape else nested
    if nested != shape and nested != (math.prod(shape),):
        raise FieldError(
            "values",
            f"expected values of shape {list(shape)}, nested or flat, got {list(nested)}",
        )
    if accept is not None:
        accept(dtype, shape)
    cells = [_element(value, dtype) for value in _leaves(message.values, nested)]
    array = np.empty(len(cells), dtype)
    array[:] = cells
    return array.reshape(shape)


def _nested_shape(values: struct_pb2.ListValue) -> tuple[int, ...]:
    """Give the shape that the first elements suggest; `_leaves` checks the others."""
    shape: list[int] = []
    level: struct_pb2.ListValue | None = values
    while level is not None:
        if len(shape) == _MAX_DIMENSIONS:
            raise FieldError("values", f"expected at most {_MAX_DIMENSIONS} dimensions, got more")
        shape.append(len(level.values))
        inner = level.values[0] if level.values else None
        level = (
            inner.list_value
            if inner is not None and inner.WhichOneof("kind") == "list_value"
            else None
        )
    return tuple(shape)


def _leaves(values: struct_pb2.ListValue, shape: Sequence[int]) -> Iterator[struct_pb2.Value]:
    if len(values.values) != shape[0]:
        raise FieldError("values", "expected lists of equal length, got ragged ones")
    if len(shape) == 1:
        yield from values.values
        return
    for value in values.values:
        if value.WhichOneof("kind") != "list_value":
            raise FieldError("values", "expected lists of equal depth, got ragged ones")
        yield from _leaves(value.list_value, shape[1:])


def _element(value: struct_pb2.Value, dtype: np.dtype[Any]) -> Any:
    kind = value.WhichOneof("kind")
    if dtype == _STRING and kind == "string_value":
        return value.string_value
    if dtype.kind == "b" and kind == "bool_value":
        return value.bool_value
    if dtype.kind in "iu" and kind == "number_value":
        return _integer(value.number_value, dtype)
    if dtype.kind == "f" and kind == "number_value":
        return _float(value.number_value, dtype)
    raise FieldError(
        "values",
        f"expected {'string' if dtype == _STRING else dtype.name}, "
        f"got {(kind or 'null_value').removesuffix('_value')}",
    )


def _integer(number: float, dtype: np.dtype[Any]) -> int:
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -(2**53)), min(limits.max, 2**53)
    if not (low <= number <= high and number.is_integer()):
        raise FieldError("values", f"expected an integer from {low} to {high}, got {number:g}")
    return int(number)


def _float(number: float, dtype: np.dtype[Any]) -> float:
    if math.isfinite(number) and abs(number) > float(np.finfo(dtype).max):
        raise FieldError("values", f"expected a number that {dtype.name} can hold, got {number:g}")
    return number


def _join_strings(array: AnyArray) -> bytes:
    strings = array.ravel().tolist()
    for kind in set(map(type, strings)):
        if not issubclass(kind, str):
            raise FieldError("data", f"expected only strings, got {kind.__name__}")
    # Columns repeat their strings: each of them is encoded once.
    encoded = {string: _encode_string(string) for string in set(strings)}
    return b"".join(map(encoded.__getitem__, strings))


def _encode_string(string: str) -> bytes:
    check_unicode("data", string)
    data = string.encode()
    return len(data).to_bytes(4, "little") + data


def _split_strings(data: bytes, count: int) -> AnyArray:
    if count * 4 > len(data):
        raise FieldError(
            "data", f"expected {count} strings, got too few bytes for them: {len(data)}"
        )
    strings = np.empty(count, object)
    start = 0
    for i in range(count):
        length = int.from_bytes(data[start : start + 4], "little")
        end = start + 4 + length
        if end > len(data):
            raise FieldError("data", f"expected {count} strings, got a cut one at element {i}")
        try:
            strings[i] = data[start + 4 : end].decode()
        except UnicodeDecodeError:
            raise FieldError("data", f"expected UTF-8, got other bytes in element {i}") from None
        start = end
    if start != len(data):
        raise FieldError("data", f"expected {count} strings, got {len(data) - start} bytes more")
    return strings
