"""No request names a path or an address that the server would open, whatever field it stands in."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from learnwire_client import Client

from tests.conftest import Trained

MODULES = ("endpoint_service_pb2", "model_service_pb2", "prediction_service_pb2")
DEEPEST = 5

_told: list[str] = []
_watching: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in ("open", "os.listdir", "os.scandir", "import", "socket.connect"):
        _told.extend(str(one) for one in arguments if _watching[0] in str(one))


sys.addaudithook(_watch)


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Path]:
    """A file; the test fails where this process opens it, or looks for what has its name."""
    path = tmp_path / "planted-7f3a.png"
    path.write_bytes(b"secret")
    _watching.append("planted-7f3a")
    yield path
    _watching.clear()
    told, _told[:] = _told[:], []
    assert told == []


def messages(kind: Descriptor, text: str, depth: int = 0) -> Iterator[Message]:
    """Make messages with a text in every field that holds one; for each choice of a oneof some."""
    if depth > DEEPEST:
        return
    plain: Any = GetMessageClass(kind)()
    for field in kind.fields:
        if not field.containing_oneof:
            for value in list(values(field, text, depth))[:1]:
                fill(plain, field, value, text)
    yield plain
    for field in kind.fields:
        if field.containing_oneof:
            for value in values(field, text, depth):
                message: Any = GetMessageClass(kind)()
                message.CopyFrom(plain)
                fill(message, field, value, text)
                yield message


def values(field: FieldDescriptor, text: str, depth: int) -> Iterator[Any]:
    """Give what may stand in a field and holds the text."""
    if field.message_type:
        yield from messages(field.message_type, text, depth + 1)
    elif field.type == FieldDescriptor.TYPE_STRING:
        yield text
    elif field.type == FieldDescriptor.TYPE_BYTES:
        yield text.encode()


def fill(message: Any, field: FieldDescriptor, value: Any, text: str) -> None:
    place = getattr(message, field.name)
    if field.message_type and field.message_type.GetOptions().map_entry:
        if isinstance(value.value, Message):
            place[text].CopyFrom(value.value)
        else:
            place[text] = value.value
    elif field.is_repeated:
        place.append(value)
    elif field.message_type:
        place.CopyFrom(value)
    else:
        setattr(message, field.name, value)


def spellings(path: Path) -> Sequence[str]:
    """Give a path as attackers write it, and an address of its name."""
    up = "../" * 20 + str(path)[1:]
    return (str(path), up, f"file://{path}", f"http://{path.name}.invalid/x", f"m:{path.name}")


def send(channel: grpc.Channel, method: str, requests: Sequence[Message]) -> None:
    """Call a method with what has its form, and read what comes; errors are answers too."""
    call = channel.stream_stream(method, type(requests[0]).SerializeToString, bytes)
    for request in requests:
        with suppress(grpc.RpcError):
            list(call(iter([request]), timeout=60))


def methods() -> Iterator[tuple[str, Descriptor]]:
    for name in MODULES:
        for service in import_module(f"learnwire.v1.{name}").DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield f"/{service.full_name}/{method.name}", method.input_type


@pytest.mark.parametrize(
    ("method", "kind"), list(methods()), ids=lambda one: getattr(one, "name", one)
)
def test_every_text_of_every_request_may_be_a_path(
    method: str, kind: Descriptor, target: str, planted: Path
) -> None:
    with grpc.insecure_channel(target) as channel:
        for text in spellings(planted):
            requests = list(messages(kind, text))
            assert not kind.fields or any(text in str(one) for one in requests)
            send(channel, method, requests)
            if "model" in kind.fields_by_name:
                for request in requests:
                    request.MergeFrom(type(request)(model="digits"))
                send(channel, method, requests)


def test_health_and_reflection_open_no_path(target: str, planted: Path) -> None:
    with grpc.insecure_channel(target) as channel:
        for text in spellings(planted):
            check = health_pb2.HealthCheckRequest(service=text)
            send(channel, "/grpc.health.v1.Health/Check", [check])
            asked = [
                reflection_pb2.ServerReflectionRequest(file_by_filename=text),
                reflection_pb2.ServerReflectionRequest(file_containing_symbol=text),
            ]
            for version in ("v1", "v1alpha"):
                name = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
                send(channel, name, asked)


def test_a_path_in_a_text_or_a_cell_is_a_text(
    client: Client, penguins: Trained, planted: Path
) -> None:
    row = dict(penguins.items[0])
    for text in spellings(planted):
        assert client.predict("sentiment", text).label in ("negative", "positive")
        assert client.predict("penguins", row | {"island": text}).label
