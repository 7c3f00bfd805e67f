"""A process that serves may also be one that has a client of the Open Inference Protocol."""

import subprocess
import sys

import pytest

# As tritonclient and kserve do when they are imported.
CLIENT = """
from importlib.resources import files
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet

data = files("learnwire.inference").joinpath("v2.binpb").read_bytes()
[file] = FileDescriptorSet.FromString(data).file
file.name = "{name}"
pool = descriptor_pool.Default()
pool.AddSerializedFile(file.SerializeToString())
theirs = message_factory.GetMessageClass(pool.FindMessageTypeByName("inference.ModelInferRequest"))
"""
SERVER = """
import learnwire_service.rpc.server
from learnwire_service.rpc.inference.messages import pb
"""
SAME = """
asked = theirs(model_name="penguins", raw_input_contents=[b"1"])
assert pb.ModelInferRequest.FromString(asked.SerializeToString()).model_name == "penguins"
"""


@pytest.mark.parametrize(
    ("name", "client_first"), [("grpc_service.proto", True), ("grpc_predict_v2.proto", False)]
)
def test_a_server_and_a_client_share_a_process(name: str, client_first: bool) -> None:
    client = CLIENT.format(name=name)
    program = (client + SERVER if client_first else SERVER + client) + SAME
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
