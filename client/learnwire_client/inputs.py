"""Callers' values to requests."""

from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, cast

import grpc
import numpy as np
from learnwire.v1 import io_pb2
from learnwire.v1.prediction_service_pb2 import PredictRequest

from .arrays import ArrayLike, encode_array, encode_array_like, is_array_like
from .errors import FieldError, InvalidInput, Violation
from .frames import ArrowFrame, is_frame
from .images import Image, encoded_image, is_image
from .rows import encode_row, is_row
from .texts import encode_text

if TYPE_CHECKING:
    import pandas as pd

OneArray: TypeAlias = "ArrayLike | Image"
Value: TypeAlias = "str | Mapping[str, Any] | pd.Series[Any] | OneArray | tuple[OneArray, ...]"
Values: TypeAlias = "Iterable[Value] | pd.DataFrame | ArrowFrame"
AsyncValues: TypeAlias = "AsyncIterable[Value] | Values"

Message: TypeAlias = io_pb2.Text | io_pb2.TabularRow | io_pb2.NdArray | io_pb2.NdArrays

_ACCEPTED = (
    "a str for a text, a mapping or pandas Series for a row, an array, tensor or list of numbers, "
    "a Path, bytes or PIL image for an image, or a tuple of these for a model with several inputs"
)


def predict_request(model: str, value: Value) -> PredictRequest:
    """Make the request for one value.

    Raises:
        InvalidInput: the value has no form on the wire.
        TypeError: it is of no type that a model takes.
    """
    return request_of(model, encode_value(value))


def request_of(model: str, message: Message) -> PredictRequest:
    """Make the request for one value that is encoded already."""
    match message:
        case io_pb2.Text() as text:
            return PredictRequest(model=model, text=text)
        case io_pb2.TabularRow() as row:
            return PredictRequest(model=model, row=row)
        case io_pb2.NdArray() as array:
            return PredictRequest(model=model, array=array)
        case io_pb2.NdArrays() as arrays:
            return PredictRequest(model=model, arrays=arrays)


def encode_value(value: object) -> Message:
    """Encode one value; errors as for `predict_request`."""
    if isinstance(value, str):
        with refused_below("text"):
            return encode_text(value)
    if is_row(value):
        with refused_below("row"):
            return encode_row(value)
    if _is_array(value):
        with refused_below("array"):
            return encode_one_array(value)
    if isinstance(value, tuple) and all(map(_is_array, value)):
        return _encode_arrays(value)
    hint = ", send it with predict_many" if is_frame(value) else ""
    raise TypeError(f"expected {_ACCEPTED}; got {type(value).__name__}{hint}")


def encode_one_array(value: OneArray) -> io_pb2.NdArray:
    """Encode an array, or an image as the bytes of a file.

    Raises:
        FieldError: as for `encode_array_like` and `encoded_image`.
        TypeError: as for `encode_array_like`.
    """
    if is_array_like(value):
        return encode_array_like(value)
    return encode_array(np.frombuffer(encoded_image(cast("Image", value)), np.uint8))


def _is_array(value: object) -> "TypeGuard[OneArray]":
    return is_image(value) or is_array_like(value)


def _encode_arrays(values: tuple[OneArray, ...]) -> io_pb2.NdArrays:
    arrays = io_pb2.NdArrays()
    for i, value in enumerate(values):
        with refused_below(f"arrays.arrays[{i}]"):
            arrays.arrays.append(encode_one_array(value))
    return arrays


@contextmanager
def refused_below(path: str) -> Iterator[None]:
    """Refuse a value as the server would, with the path that it would give."""
    try:
        yield
    except FieldError as error:
        violation = error.below(path).violation
        raise invalid_input("the input has no form on the wire", violation) from None


def invalid_input(message: str, *violations: Violation) -> InvalidInput:
    """Make the error that the server would answer with."""
    return InvalidInput(grpc.StatusCode.INVALID_ARGUMENT, message, "INVALID_INPUT", violations)
