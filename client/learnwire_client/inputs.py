"""Callers' values to requests."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import grpc
import numpy as np
from learnwire.v1 import io_pb2
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictRequest

from .arrays import AnyArray, encode_array
from .errors import FieldError, InvalidInput
from .rows import encode_row, is_row
from .tables import encode_table, is_table
from .texts import encode_text

if TYPE_CHECKING:
    import pandas as pd

Value: TypeAlias = "str | Mapping[str, Any] | pd.Series[Any] | AnyArray"
Values: TypeAlias = "Iterable[Value] | pd.DataFrame"

_Message = io_pb2.Text | io_pb2.TabularRow | io_pb2.NdArray

_ACCEPTED = "a str for a text, a mapping or pandas Series for a row, or a numpy array"


class Many(NamedTuple):
    """A request for many values, and what stands in the way of some of them.

    Attributes:
        request: asks for the values that can be sent.
        faults: for each value None, or why it is not in the request.
    """

    request: PredictManyRequest
    faults: list[InvalidInput | None]


def predict_request(model: str, value: Value) -> PredictRequest:
    """Make the request for one value.

    Raises:
        InvalidInput: the value has no form on the wire.
        TypeError: it is of no type that a model takes.
    """
    match _encode(value):
        case io_pb2.Text() as text:
            return PredictRequest(model=model, text=text)
        case io_pb2.TabularRow() as row:
            return PredictRequest(model=model, row=row)
        case io_pb2.NdArray() as array:
            return PredictRequest(model=model, array=array)


def predict_many_request(model: str, values: Values) -> Many:
    """Make the request for many values of one kind.

    Raises:
        InvalidInput: a column of a frame has no form on the wire.
        TypeError: a value is of no type that a model takes, or the kinds are mixed.
    """
    if is_table(values):
        with _refused_below("table"):
            table = encode_table(values)
        return Many(PredictManyRequest(model=model, table=table), [None] * len(values))
    if isinstance(values, (str, bytes, Mapping)):
        raise TypeError(f"expected several values, got one {type(values).__name__}: put it in []")
    messages: list[_Message] = []
    faults: list[InvalidInput | None] = []
    for value in values:
        try:
            messages.append(_encode(value))
            faults.append(None)
        except InvalidInput as fault:
            faults.append(fault)
    return Many(_many_of_one_kind(model, messages), faults)


def _many_of_one_kind(model: str, messages: list[_Message]) -> PredictManyRequest:
    request = PredictManyRequest(model=model)
    kinds = sorted({type(message).__name__ for message in messages})
    if len(kinds) > 1:
        raise TypeError(f"expected values of one kind in a call, got {' and '.join(kinds)}")
    for message in messages:
        match message:
            case io_pb2.Text():
                request.texts.contents.append(message.content)
            case io_pb2.TabularRow():
                request.rows.rows.append(message)
            case io_pb2.NdArray():
                request.arrays.arrays.append(message)
    return request


def _encode(value: object) -> _Message:
    if isinstance(value, str):
        with _refused_below("text"):
            return encode_text(value)
    if is_row(value):
        with _refused_below("row"):
            return encode_row(value)
    if isinstance(value, np.ndarray):
        with _refused_below("array"):
            return encode_array(value)
    raise TypeError(f"expected {_ACCEPTED}; got {type(value).__name__}{_hint(value)}")


def _hint(value: object) -> str:
    match value:
        case bytes() | bytearray():
            return ", decode() it if it is a text"
        case os.PathLike():
            return ", which is not opened: send what the file holds"
        case _ if is_table(value):
            return ", send it with predict_many"
        case _:
            return ""


@contextmanager
def _refused_below(path: str) -> Iterator[None]:
    """Refuse a value as the server would, with the path that it would give."""
    try:
        yield
    except FieldError as error:
        raise InvalidInput(
            grpc.StatusCode.INVALID_ARGUMENT,
            "the input has no form on the wire",
            "INVALID_INPUT",
            (error.below(path).violation,),
        ) from None
