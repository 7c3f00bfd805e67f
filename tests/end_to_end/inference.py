"""Callers of the Open Inference Protocol: items as tensors, tensors as predictions."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from learnwire.inference import v2_pb2 as pb
from learnwire.inference import v2_pb2_grpc
from learnwire_client.prediction import (
    Mask,
    MultiLabel,
    Points,
    Prediction,
    Regression,
    Several,
    SingleLabel,
)
from PIL import Image

Stub = v2_pb2_grpc.GRPCInferenceServiceStub

DTYPES = {
    "BOOL": np.bool_,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}
CONTENTS = {
    "BOOL": "bool_contents",
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
}
_DATATYPES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def tensors(items: Sequence[Any]) -> dict[str, Any]:
    """Give items as a client holds them: arrays, the batch first; bytes as objects."""
    items = [dict(one) if isinstance(one, pd.Series) else one for one in items]
    first = items[0]
    if isinstance(first, str):
        return {"text": objects([item.encode() for item in items])}
    if isinstance(first, Mapping):
        return {
            name: array
            for column in first
            for name, array in _column(column, [item[column] for item in items]).items()
        }
    if isinstance(first, tuple):
        return {
            f"array_{i}": np.stack(parts) for i, parts in enumerate(zip(*items, strict=True), 1)
        }
    if first.ndim == 1 and first.dtype == np.uint8:
        return {"array": objects([item.tobytes() for item in items])}
    return {"array": np.stack(items)}


def _column(name: str, cells: Sequence[Any]) -> dict[str, Any]:
    nulls = np.array([cell is None or cell != cell for cell in cells])
    known = [cell for cell in cells if cell is not None and cell == cell]
    if not known:
        return {}
    filled = [known[0] if null else cell for cell, null in zip(cells, nulls, strict=True)]
    is_text = isinstance(known[0], str)
    array = objects([cell.encode() for cell in filled]) if is_text else np.array(filled)
    return {name: array, f"{name}__null": nulls} if nulls.any() else {name: array}


def request(
    model: str, arrays: Mapping[str, Any], *outputs: str, typed: bool = False, **more: Any
) -> pb.ModelInferRequest:
    """Make the request of arrays, raw or as typed contents."""
    message = pb.ModelInferRequest(model_name=model, **more)
    for name in outputs:
        message.outputs.add(name=name)
    for name, array in arrays.items():
        datatype = "BYTES" if array.dtype.kind == "O" else _DATATYPES[array.dtype]
        one = message.inputs.add(name=name, datatype=datatype, shape=array.shape)
        if typed:
            getattr(one.contents, CONTENTS[datatype]).extend(array.ravel().tolist())
        else:
            message.raw_input_contents.append(raw(array))
    return message


def raw(array: Any) -> bytes:
    if array.dtype.kind != "O":
        data: bytes = array.tobytes()
        return data
    return b"".join(len(one).to_bytes(4, "little") + one for one in array.ravel())


def arrays_of(response: pb.ModelInferResponse) -> dict[str, Any]:
    """Give the outputs by their names, in the order of the answer."""
    pairs = zip(response.outputs, response.raw_output_contents, strict=True)
    return {one.name: _array(one, data) for one, data in pairs}


def _array(output: Any, data: bytes) -> Any:
    if output.datatype == "BYTES":
        return objects([one.decode() for one in _split(data)]).reshape(tuple(output.shape))
    return np.frombuffer(data, DTYPES[output.datatype]).reshape(tuple(output.shape))


def _split(data: bytes) -> list[bytes]:
    found = []
    while data:
        end = 4 + int.from_bytes(data[:4], "little")
        found.append(data[4:end])
        data = data[end:]
    return found


def predictions(arrays: Mapping[str, Any]) -> list[Prediction[Any, Any]]:
    """Give the answers as the generic client does."""
    names = sorted({name.rpartition(".")[0] for name in arrays})
    heads = [
        _head({key.rpartition(".")[2]: a for key, a in arrays.items() if key.startswith(name)})
        for name in names
    ]
    return heads[0] if names == [""] else [Several.of(parts) for parts in zip(*heads, strict=True)]


def _head(arrays: Mapping[str, Any]) -> list[Prediction[Any, Any]]:
    rows = zip(*arrays.values(), strict=True)
    match tuple(arrays):
        case ("label", "index", "probabilities"):
            return [SingleLabel(label, int(index), each) for label, index, each in rows]
        case ("labels", "mask", "probabilities"):
            return [
                MultiLabel(tuple(one for one in labels if one), mask, each)
                for labels, mask, each in rows
            ]
        case ("values",):
            return [Regression.of(values) for [values] in rows]
        case ("points", "decoded", "raw"):
            return [Points(*row) for row in rows]
        case _:
            return [Mask(mask, mask, each) for mask, each in rows]


def batches(items: Sequence[Any]) -> list[list[int]]:
    """Give which of the items can be sent in one request: those of one shape."""
    found: dict[Any, list[int]] = {}
    for i, item in enumerate(items):
        parts = item if isinstance(item, tuple) else (item,)
        found.setdefault(tuple(map(_shape, parts)), []).append(i)
    return list(found.values())


def _shape(part: Any) -> Any:
    """Give what parts that go together have in common; files those of their images."""
    if getattr(part, "dtype", None) == np.uint8 and part.ndim == 1:
        return Image.open(io.BytesIO(part.tobytes())).size
    return np.shape(part) if isinstance(part, np.ndarray) else ()


def assert_described(response: pb.ModelInferResponse, metadata: pb.ModelMetadataResponse) -> None:
    """See that the answer has the tensors that the model's metadata tell of."""
    assert [one.name for one in response.outputs] == [one.name for one in metadata.outputs]
    for one, told in zip(response.outputs, metadata.outputs, strict=True):
        assert one.datatype == told.datatype
        assert len(one.shape) == len(told.shape)
        pairs = zip(one.shape, told.shape, strict=True)
        assert all(size in (got, -1) for got, size in pairs), (one, told)


def objects(values: Sequence[Any]) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array
