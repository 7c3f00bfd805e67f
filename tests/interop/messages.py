"""The messages of gRPC's interoperability service, compiled from its .proto."""

import tempfile
from pathlib import Path
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_tools import protoc

_HERE = Path(__file__).parent


def _compiled() -> DescriptorPool:
    pool = DescriptorPool()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "testing.binpb"
        assert protoc.main(["", f"-I{_HERE}", f"--descriptor_set_out={out}", "testing.proto"]) == 0
        for file in FileDescriptorSet.FromString(out.read_bytes()).file:
            pool.AddSerializedFile(file.SerializeToString())
    return pool


_pool = _compiled()


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"grpc.testing.{name}"))


Empty, Payload, EchoStatus = _class("Empty"), _class("Payload"), _class("EchoStatus")
SimpleRequest, SimpleResponse = _class("SimpleRequest"), _class("SimpleResponse")
ResponseParameters = _class("ResponseParameters")
OutputRequest = _class("StreamingOutputCallRequest")
OutputResponse = _class("StreamingOutputCallResponse")
InputRequest, InputResponse = (
    _class("StreamingInputCallRequest"),
    _class("StreamingInputCallResponse"),
)
