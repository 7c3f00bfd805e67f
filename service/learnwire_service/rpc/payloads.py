"""Payload messages to the values of endpoints, and back."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import io_pb2
from learnwire.v1.model_service_pb2 import COLUMN_TYPE_UNSPECIFIED
from learnwire_client import payloads
from learnwire_client.answers import decode_prediction
from learnwire_client.arrays import data_type_of, decode_array
from learnwire_client.errors import FieldError, Violation, below
from learnwire_client.repeats import repeated
from learnwire_client.rows import decode_row, encode_ordered_row, to_answered
from learnwire_client.tables import decode_index

from ..common.bounds import Bounds
from ..common.errors import InvalidInput
from ..services.descriptors.arrays import NdArray
from ..services.descriptors.base import Descriptor, Prediction, Text
from ..services.descriptors.columns import TypedColumn
from ..services.descriptors.images import Image, as_image
from ..services.descriptors.scalars import Flag, Number
from ..services.descriptors.tabular import Table, TabularRow
from ..services.endpoints.endpoint import SINGLE, Endpoint, path_of
from ..signature.columns import Cells
from ..signature.images import opened_image, too_many_pixels
from .describe import COLUMN_TYPES
from .tables import Strings, decode_columns

if TYPE_CHECKING:
    import pandas as pd

Request: TypeAlias = pb.CallRequest | pb.CallStreamRequest

# What plain values are where neither they nor the endpoint says.
_LEAF_TYPES = {"bool_value": np.dtype(np.bool_), "string_value": np.dtype(object)}


def decode_inputs(request: Request, endpoint: Endpoint, bounds: Bounds) -> dict[str, object]:
    """Bring the inputs of a request to Python, by their names.

    Args:
        request: has them.
        endpoint: takes them.
        bounds: how many strings their arrays and tables may hold, and how many pixels an image.

    Raises:
        InvalidInput: one is missing, of another kind, contradicts itself, or is none of the
            endpoint's.
    """
    given, limits = _given(request), _Limits(Strings(bounds.max_elements), bounds.max_pixels)
    values: dict[str, object] = {}
    violations: list[Violation] = []
    for name, descriptor in endpoint.inputs.items():
        if name not in given and (name in endpoint.optional or SINGLE in given):
            continue
        try:
            with below(path_of(name)):
                values[name] = _decode(given.get(name, pb.Payload()), descriptor, limits)
        except FieldError as error:
            violations.append(error.violation)
        except InvalidInput as error:
            violations.extend(error.below(path_of(name)).violations)
    if SINGLE in request.inputs:
        problem = "expected names, got an empty one; an input without a name is sent as input"
        violations.append(Violation("inputs", problem))
    for name in sorted(given.keys() - endpoint.inputs.keys()):
        violations.append(Violation(path_of(name), _surplus(name, endpoint)))
    if violations:
        raise endpoint.misfit(violations)
    return values


def encode_payload(descriptor: Descriptor, value: Any) -> pb.Payload:
    """Make the message of an answer.

    Raises:
        InvalidInput: the descriptor takes no such value.
        FieldError: it has no form on the wire.
    """
    value = descriptor.check(value)
    if isinstance(descriptor, TabularRow):
        with below("row"):
            return pb.Payload(row=encode_ordered_row(to_answered(value)))
    return payloads.encode_payload(as_image(value) if isinstance(descriptor, Image) else value)


def describe_endpoint(endpoint: Endpoint, *, max_text_chars: int) -> pb.Endpoint:
    """Describe what an endpoint takes and answers."""
    return pb.Endpoint(
        name=endpoint.name,
        service=endpoint.service,
        description=endpoint.description,
        inputs=[
            pb.EndpointInput(
                name=name,
                io=_describe(descriptor, max_text_chars),
                optional=name in endpoint.optional,
            )
            for name, descriptor in endpoint.inputs.items()
        ],
        output=_describe(endpoint.output, 0),
        streaming=endpoint.streams,
    )


def _given(request: Request) -> Mapping[str, pb.Payload]:
    given = dict(request.inputs)
    if request.HasField("input"):
        given[SINGLE] = request.input
    return given


def _surplus(name: str, endpoint: Endpoint) -> str:
    if SINGLE in endpoint.inputs:
        return "expected the one input without a name, as input, got one with a name"
    if not endpoint.inputs:
        return "expected no inputs, got one"
    names = ", ".join(endpoint.inputs)
    if name == SINGLE:
        return f"expected the inputs by their names {names}, as inputs, got one without a name"
    return f"expected only the inputs {names}, got another"


class _Limits(NamedTuple):
    """What the inputs of a request may hold."""

    strings: Strings
    max_pixels: int

    def of_image(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Check what the array of an image's pixels is; FieldError where they are too many."""
        self.strings(dtype, shape)
        if (pixels := math.prod(shape[:2])) > self.max_pixels:
            raise FieldError("shape", too_many_pixels(pixels, self.max_pixels))


def _decode(payload: pb.Payload, descriptor: Descriptor, limits: _Limits) -> object:
    """Bring a value to Python; its kind must be the descriptor's."""
    kind, wanted = payload.WhichOneof("value"), descriptor.field
    match descriptor, kind:
        case Text(), "text":
            return payload.text.content
        case TabularRow(), "row":
            with below("row"):
                return decode_row(payload.row)
        case Table(), "table":
            return _frame(payload.table, descriptor, limits.strings)
        case Table(), "rows":
            return [_row(i, row) for i, row in enumerate(payload.rows.rows)]
        case Table(), "array" if list(payload.array.shape) == [0]:
            return []  # as clients send an empty list
        case Number(), "integer" | "number":
            return getattr(payload, kind)
        case Flag(), "flag":
            return payload.flag
        case NdArray(), "array":
            with below("array"):
                leaf_type = descriptor.dtype or _leaf_type(payload.array)
                array = decode_array(payload.array, leaf_type, limits.strings)
            return array if array.flags.writeable else array.copy()
        case Image(), "image":
            with below("image"):
                return opened_image(payload.image.data, limits.max_pixels)
        case Image(), "array":
            with below("array"):
                return decode_array(payload.array, np.dtype(np.uint8), limits.of_image)
        case Prediction(), "prediction":
            with below("prediction"):
                return decode_prediction(payload.prediction, _no_classes)
    also = " or rows" if isinstance(descriptor, Table) else ""
    as_path = isinstance(descriptor, Image) and kind == "text"
    hint = '; in Python its file is given as Path("...")' if as_path else ""
    raise FieldError(kind or wanted, f"expected {wanted}{also}, got {kind or 'nothing'}{hint}")


def _row(place: int, row: io_pb2.TabularRow) -> object:
    with below(f"rows.rows[{place}]"):
        return decode_row(row)


def _frame(table: io_pb2.Table, descriptor: Table, strings: Strings) -> "pd.DataFrame":
    import pandas as pd

    types = {column.name: column.type for column in descriptor.columns or ()}
    columns = decode_columns(table, types, strings)
    series: dict[str, Any] = {}
    for place, (name, cells) in enumerate(columns.cells.items()):
        with below(f"table.columns[{place}].values"):
            series[name] = _series(cells)
    frame = pd.DataFrame(series, index=range(len(columns)))
    if table.HasField("index"):
        with below("table.index"):
            frame.index = decode_index(table.index, len(frame))
    return frame


def _series(cells: Cells) -> Any:
    """Make a column with NaN or None for null, which numbers sent as NaN are not."""
    values = cells.values if cells.indices is None else repeated(cells.values, cells.indices)
    present = np.ones(len(values), np.bool_) if cells.valid is None else cells.valid
    if values.dtype.kind == "f" and not np.isfinite(values[present]).all():
        raise FieldError("data", "expected finite numbers, got others; a missing value is null")
    if cells.valid is None:
        return values
    if values.dtype.kind == "f":
        return np.where(present, values, np.nan)
    nullable = values.astype(object)
    nullable[~present] = None
    return nullable


def _leaf_type(message: io_pb2.NdArray) -> np.dtype[Any]:
    """Tell by its first element what type an array of plain values has."""
    values = message.values
    while values.values:
        kind = values.values[0].WhichOneof("kind")
        if kind != "list_value":
            return _LEAF_TYPES.get(kind or "", np.dtype(np.float64))
        values = values.values[0].list_value
    return np.dtype(np.float64)


def _no_classes(model: str) -> tuple[str, ...]:
    return ()


def _describe(descriptor: Descriptor, max_text_chars: int) -> pb.IoDescriptor:
    message = pb.IoDescriptor()
    match descriptor:
        case Text(max_chars=most):
            message.text.max_chars = most or max_text_chars
        case TabularRow(columns=columns):
            message.row.SetInParent()
            message.row.columns.extend(map(_column, columns or ()))
        case Table(columns=columns):
            message.table.SetInParent()
            message.table.columns.extend(map(_column, columns or ()))
        case NdArray():
            message.array.CopyFrom(_array(descriptor))
        case Prediction():
            message.prediction.SetInParent()
        case Number(kind=kind, minimum=minimum, maximum=maximum):
            number = pb.NumberDescriptor(integral=kind is int, minimum=minimum, maximum=maximum)
            message.number.CopyFrom(number)
        case Flag():
            message.flag.SetInParent()
        case Image(mode=mode):
            message.image.SetInParent()
            message.image.mode = mode or ""
    return message


def _column(column: TypedColumn) -> pb.ColumnDescriptor:
    return pb.ColumnDescriptor(
        name=column.name,
        type=COLUMN_TYPES[column.type] if column.type else COLUMN_TYPE_UNSPECIFIED,
        nullable=column.nullable,
    )


def _array(descriptor: NdArray) -> pb.NdArrayDescriptor:
    return pb.NdArrayDescriptor(
        shape=None if descriptor.shape is None else pb.Shape(dimensions=descriptor.shape),
        data_type=(
            io_pb2.DATA_TYPE_UNSPECIFIED
            if descriptor.dtype is None
            else data_type_of(descriptor.dtype)
        ),
        enforce_shape=descriptor.enforce_shape,
        enforce_data_type=descriptor.enforce_dtype,
    )
