"""What goes into an endpoint and comes out of it, to and from the wire."""

from collections.abc import Mapping, Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import io_pb2

from .answers import ClassesOf, decode_prediction, encode_prediction
from .arrays import ArrayLike, decode_array, detached, encode_array
from .errors import FieldError, below
from .fitting import opened
from .frames import ArrowFrame, is_frame
from .images import Image, decode_image, encoded_image, is_image
from .inputs import refused_below
from .prediction import AnyPrediction, Prediction
from .rows import decode_answered, encode_ordered_row, is_row, to_cells
from .tables import decode_table, encode_indexed_table, is_table
from .texts import encode_text

if TYPE_CHECKING:
    import pandas as pd

Argument: TypeAlias = (
    "str | int | float | np.number[Any] | Mapping[str, Any] | pd.Series[Any] | pd.DataFrame | "
    "ArrowFrame | ArrayLike | Image | Sequence[Any] | AnyPrediction"
)
Arguments: TypeAlias = "Mapping[str, Argument]"

_Request = TypeVar("_Request", pb.CallRequest, pb.CallStreamRequest)

_ACCEPTED = (
    "a str for a text, a mapping or pandas Series for a row, a pandas DataFrame or a list of rows "
    "for a table, a numpy array, tensor or list for an array, "
    "a Path, bytes or PIL image for an image, a number, a bool, or a prediction"
)


def filled(
    request: _Request, value: "Argument | EllipsisType", inputs: "Arguments | None"
) -> _Request:
    """Put what a caller gives into a request, and give it back.

    Args:
        request: of a call.
        value: the input of an endpoint whose input has no name; `...` where there is none.
        inputs: those of an endpoint whose inputs have names.

    Raises:
        InvalidInput: an input has no form on the wire.
        TypeError: it is of no type that an endpoint takes, or both forms are given.
    """
    if not isinstance(value, EllipsisType):
        if inputs is not None:
            raise TypeError("expected one input, or inputs= by their names, got both")
        _put("input", request.input, value)
    for name, one in (inputs or {}).items():
        _put(f"inputs.{name}", request.inputs[name], one)
    return request


def encode_payload(value: Argument) -> pb.Payload:
    """Encode what goes into an endpoint.

    Raises:
        FieldError: it has no form on the wire. Its field is such as `row.cells["island"]`.
        TypeError: it is of no type that an endpoint takes.
    """
    if isinstance(value, Prediction):
        with below("prediction"):
            return pb.Payload(prediction=encode_prediction(value))
    if isinstance(value, str):
        with below("text"):
            return pb.Payload(text=encode_text(value))
    if is_row(value):
        with below("row"):
            return pb.Payload(row=encode_ordered_row(to_cells(value)))
    if is_table(value):
        with below("table"):
            return pb.Payload(table=encode_indexed_table(value))
    if is_frame(value):
        with below("table"):
            return pb.Payload(table=opened(value).encoded())
    if is_image(value):
        with below("image"):
            return pb.Payload(image=io_pb2.Image(data=encoded_image(value)))
    if isinstance(value, bool | np.bool_):
        return pb.Payload(flag=bool(value))
    if isinstance(value, int | np.integer):
        return _integer(int(value))
    if isinstance(value, float | np.floating):
        return pb.Payload(number=float(value))
    if isinstance(value, list | tuple) and value and all(map(is_row, value)):
        return pb.Payload(rows=_rows(value))
    value = _to_array(value)
    if isinstance(value, np.ndarray):
        with below("array"):
            return pb.Payload(array=encode_array(value))
    raise TypeError(f"expected {_ACCEPTED}; got {type(value).__name__}")


def _integer(value: int) -> pb.Payload:
    try:
        return pb.Payload(integer=value)
    except ValueError:
        raise FieldError("integer", f"expected an integer of 64 bits, got {value}") from None


def _rows(rows: Sequence[Any]) -> io_pb2.TabularRows:
    message = io_pb2.TabularRows()
    for i, row in enumerate(rows):
        with below(f"rows.rows[{i}]"):
            message.rows.append(encode_ordered_row(to_cells(row)))
    return message


def _to_array(value: object) -> Any:
    """Give tensors and nested lists as arrays, and all else as it is."""
    if not isinstance(value, list | tuple):
        return detached(value)
    try:
        array = np.asarray(value)
    except ValueError:
        raise FieldError("array", "expected lists of equal length, got ragged ones") from None
    # Beside a string, numpy makes strings of numbers.
    return np.asarray(value, object) if array.dtype.kind == "U" else array


def decode_payload(message: pb.Payload, classes_of: ClassesOf) -> Any:
    """Decode what comes out of an endpoint.

    Args:
        message: a text, which becomes a str; a row, a dict; a table, a pandas DataFrame; an
            array, one of numpy; an image, one of PIL; or a prediction.
        classes_of: gives the names of a prediction's classes.

    Raises:
        FieldError: it contradicts itself, or is of a kind that this client does not know.
        ImportError: it is a table without pandas, or an image without Pillow.
    """
    kind = message.WhichOneof("value")
    with below(kind or "value"):
        match kind:
            case "text":
                return message.text.content
            case "row":
                return decode_answered(message.row)
            case "table":
                return decode_table(message.table)
            case "array":
                return decode_array(message.array).copy()
            case "integer" | "number" | "flag":
                return getattr(message, kind)
            case "image":
                return decode_image(message.image)
            case "prediction":
                return decode_prediction(message.prediction, classes_of)
    raise FieldError("value", f"expected an answer that this client knows, got {kind}")


def _put(path: str, place: pb.Payload, value: Argument) -> None:
    try:
        with refused_below(path):
            place.CopyFrom(encode_payload(value))
    except TypeError as error:
        raise TypeError(f"{path}: {error}") from None
