"""Messages as the protocol has them in JSON, and answers with binary tensors behind it."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from google.protobuf.message import Message

from ...rpc.inference.messages import pb
from ...rpc.inference.tensors import elements_of
from .requests import BINARY_SIZE, LENGTH_HEADER

_JSON = "application/json"


class Answer(NamedTuple):
    """What goes back.

    Attributes:
        body: the body.
        headers: those that tell what it is.
        status: HTTP's.
    """

    body: bytes
    headers: Mapping[str, str]
    status: int = 200


def as_answer(value: object) -> Answer:
    """Write a value as JSON, in a line."""
    return Answer(_json(value), {"content-type": _JSON})


def _json(value: object) -> bytes:
    told = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return told.encode(errors="replace")


def plain(message: Message) -> dict[str, Any]:
    """Give a message with its fields' own names, and integers as numbers, also large ones."""
    return {field.name: _plain(field, getattr(message, field.name)) for field in _told(message)}


def _told(message: Message) -> list[Any]:
    """Give the fields that are told: all but messages and choices that are not set."""
    fields = message.DESCRIPTOR.fields
    return [one for one in fields if not one.has_presence or message.HasField(one.name)]


def _plain(field: Any, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {name: plain(one) for name, one in value.items()}
    if field.is_repeated:
        return [_scalar(field, one) for one in value]
    return _scalar(field, value)


def _scalar(field: Any, value: Any) -> Any:
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    return plain(value) if isinstance(value, Message) else value


def inferred(request: pb.ModelInferRequest, response: pb.ModelInferResponse) -> Answer:
    """Give the answer to a request to infer, each output as it is asked for.

    Args:
        request: asks for it.
        response: is it.
    """
    by_default = request.parameters["binary_data_output"].bool_param
    wanted = {one.name: _is_binary(one, by_default) for one in request.outputs}
    outputs: list[dict[str, Any]] = []
    binary: list[bytes] = []
    for output, raw in zip(response.outputs, response.raw_output_contents, strict=True):
        one: dict[str, Any] = {"name": output.name, "datatype": output.datatype}
        one["shape"] = list(output.shape)
        if wanted.get(output.name, by_default):
            one["parameters"] = {BINARY_SIZE: len(raw)}
            binary.append(raw)
        else:
            one["data"] = elements_of(output, raw)
        outputs.append(one)
    told: dict[str, Any] = {"model_name": response.model_name}
    told["model_version"] = response.model_version
    if response.id:
        told["id"] = response.id
    if response.parameters:
        told["parameters"] = {
            name: getattr(value, str(value.WhichOneof("parameter_choice")))
            for name, value in response.parameters.items()
        }
    head = _json({**told, "outputs": outputs})
    if not binary:
        return Answer(head, {"content-type": _JSON})
    headers = {"content-type": "application/octet-stream", LENGTH_HEADER: str(len(head))}
    return Answer(b"".join([head, *binary]), headers)


def _is_binary(output: Any, by_default: bool) -> bool:
    if "binary_data" not in output.parameters:
        return by_default
    is_binary: bool = output.parameters["binary_data"].bool_param
    return is_binary
