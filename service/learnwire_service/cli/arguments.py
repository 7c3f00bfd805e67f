"""What is typed in a shell, as what an endpoint takes."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from google.protobuf import json_format
from learnwire.v1 import io_pb2, prediction_pb2
from learnwire_client import Endpoint
from learnwire_client.answers import decode_prediction
from learnwire_client.arrays import data_type_of, decode_array
from learnwire_client.endpoint import Descriptor
from learnwire_client.endpoint_text import descriptor_text

if TYPE_CHECKING:
    import pandas as pd

_COLUMN_TYPES = {
    "string": "string",
    "timestamp": "string",
    "integer": "Int64",
    "float": "float64",
    "bool": "boolean",
}


def read_inputs(endpoint: Endpoint, typed: Sequence[str]) -> tuple[Any, dict[str, Any] | None]:
    """Read the inputs of an endpoint.

    Args:
        endpoint: it.
        typed: `INPUT` where it takes one without a name, `NAME=INPUT` for each otherwise.

    Returns:
        What `Client.call` takes: the input or `...`, and the inputs by name or None.

    Raises:
        typer.BadParameter: they are not what the endpoint takes.
    """
    if list(endpoint.inputs) == [""]:
        if not typed and endpoint.optional:
            return ..., None
        if len(typed) != 1:
            raise _misused(endpoint, f"got {len(typed)} inputs")
        return _read("the input", endpoint.inputs[""], typed[0]), None
    texts = dict(_split(endpoint, one) for one in typed)
    if len(texts) < len(typed):
        raise _misused(endpoint, "got one of them twice")
    if missing := [
        name for name in endpoint.inputs if name not in texts and name not in endpoint.optional
    ]:
        raise _misused(endpoint, f"got no {', '.join(missing)}")
    return ..., {name: _read(name, endpoint.inputs[name], text) for name, text in texts.items()}


def _split(endpoint: Endpoint, typed: str) -> tuple[str, str]:
    name, equals, text = typed.partition("=")
    if not equals or name not in endpoint.inputs:
        raise _misused(endpoint, f'got "{typed}"')
    return name, text


def _misused(endpoint: Endpoint, problem: str) -> typer.BadParameter:
    wanted = [
        f"{name}=({descriptor_text(one)})" if name else descriptor_text(one)
        for name, one in endpoint.inputs.items()
    ]
    return typer.BadParameter(f"{endpoint.name} takes {' '.join(wanted) or 'nothing'}; {problem}")


def _read(name: str, descriptor: Descriptor, text: str) -> Any:
    try:
        match descriptor.kind:
            case "text":
                return text
            case "row":
                return _json(text, dict, "a JSON object of cells")
            case "table":
                return _table(descriptor, text)
            case "number":
                return _json(text, int if descriptor.integral else int | float, "a number")
            case "flag":
                return _json(text, bool, "true or false")
            case "array":
                return _array(descriptor, text)
            case "image":
                return _image(text)
            case "prediction":
                message = json_format.Parse(text, prediction_pb2.Prediction())
                return decode_prediction(message, lambda tag: ())
            case _:
                raise ValueError("this learnwire is too old to know what the endpoint takes")
    except (ValueError, OSError, json_format.ParseError) as error:
        raise typer.BadParameter(f"{name}: {error}") from error


def _json(text: str, kind: "type | UnionType", wanted: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"expected {wanted}, got no JSON: {error}") from error
    if not isinstance(value, kind) or (isinstance(value, bool) and kind not in (bool, object)):
        raise ValueError(f"expected {wanted}, got {text[:50]}")
    return value


def _table(descriptor: Descriptor, text: str) -> "pd.DataFrame":
    import pandas as pd

    if not text.startswith("@"):
        rows = _json(text, list, "a JSON list of rows, or @FILE")
        # As objects, for each cell to keep its type whatever else its column holds.
        return pd.DataFrame(rows, dtype=object)
    path = Path(text[1:])
    match path.suffix.lower():
        case ".csv":
            types = {one.name: _COLUMN_TYPES[one.type] for one in descriptor.columns if one.type}
            return pd.read_csv(path, dtype=types)
        case ".jsonl":
            lines = filter(str.strip, path.read_text(encoding="utf-8").split("\n"))
            rows = [_json(line, dict, "a JSON object in each line") for line in lines]
            return pd.DataFrame(rows, dtype=object)
        case ".parquet":
            return pd.read_parquet(path)
        case _:
            raise ValueError(f"expected a .csv, .jsonl or .parquet file, got {path}")


def _image(text: str) -> bytes:
    if not text.startswith("@"):
        raise ValueError(f"expected an image as @FILE, got {text[:50]}")
    return Path(text[1:]).read_bytes()


def _array(descriptor: Descriptor, text: str) -> Any:
    if text.startswith("@"):
        path = Path(text[1:])
        if path.suffix.lower() == ".npy":
            return np.load(path, allow_pickle=False)
        return np.frombuffer(path.read_bytes(), np.uint8)
    elements = _json(text, object, "an array as JSON, or @FILE")
    if descriptor.dtype is None or not isinstance(elements, list):
        array = np.asarray(elements, descriptor.dtype)
        # Beside a string, numpy makes strings of numbers.
        return np.asarray(elements, object) if array.dtype.kind == "U" else array
    message = io_pb2.NdArray(data_type=data_type_of(descriptor.dtype))
    json_format.Parse(text, message.values)
    return decode_array(message)
