"""Bodies of requests to infer: JSON, and behind it the raw bytes of those tensors that are binary.

The header `Inference-Header-Content-Length` tells where the JSON ends.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from learnwire_client.arrays import checked_shape
from learnwire_client.errors import FieldError, Violation

from ...common.errors import InvalidInput, MalformedMessage
from ...rpc.inference.messages import pb
from ...rpc.inference.tensors import dtype_of, path_of
from ..messages import check_size, read_json
from .elements import raw_elements

LENGTH_HEADER = "inference-header-content-length"
BINARY_SIZE = "binary_data_size"

_INT64 = 2**63


class Asked(NamedTuple):
    """What is asked over HTTP.

    Attributes:
        parts: those of its path: `name`, `version`.
        headers: its headers, by names in small letters.
        most: how many values its JSON may have.
        body: its body.
    """

    parts: Mapping[str, str]
    headers: Mapping[str, str]
    most: int
    body: bytes = b""

    @property
    def name(self) -> str:
        """The model."""
        return self.parts.get("name", "")

    @property
    def version(self) -> str:
        """Its version; empty: its default."""
        return self.parts.get("version", "")


def infer_request(asked: Asked) -> pb.ModelInferRequest:
    """Make the request to infer.

    Raises:
        LearnwireError: the body is none.
    """
    end = _json_end(asked.headers, len(asked.body))
    told = _json_object(asked.body[:end], asked.most)
    with _refused():
        message = _Reader(told, asked.body[end:]).message()
    message.model_name, message.model_version = asked.name, asked.version
    return message


def repository_request(kind: type[Any], asked: Asked) -> Any:
    """Make a request about the repository: `kind` is its message.

    Raises:
        LearnwireError: the body is none.
    """
    told = _json_object(asked.body, asked.most)
    if kind is pb.RepositoryIndexRequest:
        return kind(ready=told.get("ready") is True)
    message = kind(model_name=asked.name)
    with _refused():
        for name in _object(told.get("parameters"), "parameters"):
            message.parameters[name].string_param = ""
    return message


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except FieldError as error:
        raise InvalidInput([error.violation], "the request") from None


def _json_object(data: bytes, most: int) -> dict[str, Any]:
    """Read a JSON object; nothing at all is an empty one."""
    check_size(data, most)
    told = read_json(data) if data.strip() else {}
    if not isinstance(told, dict):
        raise MalformedMessage("expected a JSON object, got another value")
    return told


def _json_end(headers: Mapping[str, str], size: int) -> int:
    told = headers.get(LENGTH_HEADER)
    if told is None:
        return size
    if not told.isascii() or not told.isdigit() or len(told) > 18 or int(told) > size:
        problem = f'expected the bytes of the JSON, {size} at most, got "{told[:80]}"'
        raise InvalidInput([Violation("Inference-Header-Content-Length", problem)], "the request")
    return int(told)


class _Reader:
    """Reads the message that a JSON object tells."""

    def __init__(self, told: Mapping[str, Any], binary: bytes) -> None:
        self._told, self._binary, self._start = told, binary, 0

    def message(self) -> pb.ModelInferRequest:
        message = pb.ModelInferRequest(id=_text(self._told.get("id", ""), "id"))
        parameters = _object(self._told.get("parameters"), "parameters")
        _set_parameters(message.parameters, parameters)
        for i, one in enumerate(_list(self._told.get("inputs"), "inputs")):
            self._add_input(message, _object(one, f"inputs[{i}]"), f"inputs[{i}]")
        if self._start != len(self._binary):
            problem = f"expected {self._start} bytes of tensors behind the JSON"
            raise FieldError("inputs", f"{problem}, got {len(self._binary)}")
        for i, one in enumerate(_list(self._told.get("outputs"), "outputs")):
            output = _object(one, f"outputs[{i}]")
            added = message.outputs.add(name=_text(output.get("name", ""), f"outputs[{i}].name"))
            path = f"outputs[{i}].parameters"
            _set_parameters(added.parameters, _object(output.get("parameters"), path))
        return message

    def _add_input(self, message: pb.ModelInferRequest, told: Mapping[str, Any], path: str) -> None:
        name = _text(told.get("name", ""), f"{path}.name")
        path = path_of(name[:200]) if name else path
        datatype = _text(told.get("datatype", ""), f"{path}.datatype")
        shape = _shape(told.get("shape"), f"{path}.shape")
        added = message.inputs.add(name=name, datatype=datatype, shape=shape)
        parameters = _object(told.get("parameters"), f"{path}.parameters")
        _set_parameters(added.parameters, parameters)
        message.raw_input_contents.append(self._raw(told, parameters, datatype, shape, path))

    def _raw(
        self,
        told: Mapping[str, Any],
        parameters: Mapping[str, Any],
        datatype: str,
        shape: tuple[int, ...],
        path: str,
    ) -> bytes:
        if BINARY_SIZE in parameters:
            if "data" in told:
                raise FieldError(f"{path}.data", f"expected nothing beside {BINARY_SIZE}")
            return self._cut(parameters[BINARY_SIZE], f"{path}.parameters.{BINARY_SIZE}")
        dtype = dtype_of(datatype)
        if dtype is None or "shared_memory_region" in parameters:
            return b""  # which the reader of the message refuses by its name
        if "data" not in told:
            problem = f"expected the elements, or {BINARY_SIZE} among the parameters, got nothing"
            raise FieldError(f"{path}.data", problem)
        return raw_elements(told["data"], dtype, shape, f"{path}.data")

    def _cut(self, size: object, path: str) -> bytes:
        left = len(self._binary) - self._start
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= left:
            problem = f"expected a size within the {left} bytes that are left behind the JSON"
            raise FieldError(path, f"{problem}, got {json.dumps(size)[:80]}")
        self._start += size
        return self._binary[self._start - size : self._start]


def _set_parameters(message: Any, told: Mapping[str, Any]) -> None:
    """Set what the protocol's parameters can hold; all else nobody here reads."""
    for name, value in told.items():
        if isinstance(value, bool):
            message[name].bool_param = value
        elif isinstance(value, int) and -_INT64 <= value < _INT64:
            message[name].int64_param = value
        elif isinstance(value, float):
            message[name].double_param = value
        elif isinstance(value, str):
            message[name].string_param = _text(value, "parameters")


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise FieldError(path, "expected a string, got another value")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FieldError(path, "expected Unicode text, got a lone surrogate") from None
    return value


def _object(value: object, path: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FieldError(path, "expected an object, got another value")
    for name in value:
        _text(name, path)
    return value


def _list(value: object, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise FieldError(path, "expected a list, got another value")
    return value


def _shape(value: object, path: str) -> tuple[int, ...]:
    sizes = _list(value, path)
    if any(not isinstance(one, int) or isinstance(one, bool) for one in sizes):
        raise FieldError(path, "expected integers, got other values")
    try:
        return checked_shape(sizes)
    except FieldError as error:
        raise FieldError(path, error.violation.description) from None
