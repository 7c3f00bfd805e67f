"""Items out of requests, as a test's functions get them."""

from typing import Any

import numpy as np
from google.protobuf import json_format
from learnwire.v1 import endpoint_service_pb2 as endpoints_pb
from learnwire.v1 import io_pb2
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictRequest

from ..arrays import AnyArray, decode_array
from ..errors import FieldError
from ..payloads import decode_payload
from ..rows import decode_answered, decode_row
from ..tables import decode_cells


def item_of(request: PredictRequest) -> Any:
    """Give a str for a text, a dict for a row, an array, or a tuple of arrays.

    Raises:
        FieldError: it contradicts itself, or is not there.
    """
    match request.WhichOneof("input"):
        case "text":
            return request.text.content
        case "row":
            return decode_row(request.row)
        case "array":
            return _array(request.array)
        case "arrays":
            return tuple(map(_array, request.arrays.arrays))
    raise FieldError("input", "expected an item, got none")


def items_of(request: PredictManyRequest) -> list[Any]:
    """Give the items, each as `item_of` does; errors are the same."""
    match request.WhichOneof("inputs"):
        case "texts":
            return list(request.texts.contents)
        case "rows":
            return list(map(decode_row, request.rows.rows))
        case "arrays":
            return list(map(_array, request.arrays.arrays))
        case "table":
            return _rows(request.table)
        case "arrays_list":
            return [tuple(map(_array, item.arrays)) for item in request.arrays_list.items]
    raise FieldError("inputs", "expected items, got none")


def input_of(request: endpoints_pb.CallRequest | endpoints_pb.CallStreamRequest) -> Any:
    """Give an endpoint's input, or a dict where inputs have names; errors as for `item_of`."""
    if request.HasField("input"):
        return _payload(request.input)
    return {name: _payload(payload) for name, payload in request.inputs.items()}


def _payload(message: endpoints_pb.Payload) -> Any:
    match message.WhichOneof("value"):
        case "rows":
            return list(map(decode_answered, message.rows.rows))
        case "array":
            return _array(message.array)
    return decode_payload(message, lambda tag: ())


def _array(message: io_pb2.NdArray) -> AnyArray:
    if message.HasField("values") and not message.data_type:
        values = np.asarray(json_format.MessageToDict(message.values))
        return values.reshape(message.shape) if message.shape else values
    return decode_array(message).copy()


def _rows(table: io_pb2.Table) -> list[dict[str, Any]]:
    columns = {column.name: _cells(column) for column in table.columns}
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _cells(column: io_pb2.Column) -> list[Any]:
    cells, valid = decode_cells(column)
    pairs = zip(cells.tolist(), valid.tolist(), strict=True)
    return [cell if is_valid else None for cell, is_valid in pairs]
