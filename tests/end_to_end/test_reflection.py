"""Server reflection as clients ask it, by both of the names that it has."""

from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha.reflection_pb2 import (
    ExtensionRequest,
    ServerReflectionRequest,
    ServerReflectionResponse,
)

VERSIONS = ("v1", "v1alpha")


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(
    target: str, version: str, *requests: ServerReflectionRequest
) -> Iterator[ServerReflectionResponse]:
    with grpc.insecure_channel(target) as channel:
        call = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            ServerReflectionRequest.SerializeToString,
            ServerReflectionResponse.FromString,
        )
        yield from call(iter(requests))


def files(response: ServerReflectionResponse) -> dict[str, FileDescriptorProto]:
    found = map(
        FileDescriptorProto.FromString, response.file_descriptor_response.file_descriptor_proto
    )
    return {file.name: file for file in found}


def test_it_finds_files_by_what_is_in_them_and_by_name_with_all_they_import(
    target: str, version: str
) -> None:
    by_symbol, by_name = ask(
        target,
        version,
        ServerReflectionRequest(file_containing_symbol="learnwire.v1.PredictionService"),
        ServerReflectionRequest(file_by_filename="learnwire/v1/prediction_service.proto"),
    )
    assert files(by_symbol) == files(by_name)
    assert {"google/rpc/status.proto", "learnwire/v1/io.proto"} < set(files(by_name))


def test_it_describes_itself_by_both_names(target: str, version: str) -> None:
    asked = [f"grpc.reflection.{name}.ServerReflection" for name in VERSIONS]
    requests = (ServerReflectionRequest(file_containing_symbol=name) for name in asked)
    for name, answer in zip(asked, ask(target, version, *requests), strict=True):
        [file] = files(answer).values()
        assert f"{file.package}.{file.service[0].name}" == name
        assert file.service[0].method[0].input_type == f".{file.package}.ServerReflectionRequest"


def test_what_is_not_there_is_not_found(target: str, version: str) -> None:
    nothing = ExtensionRequest(containing_type="learnwire.v1.NdArray", extension_number=7)
    answers = ask(
        target,
        version,
        ServerReflectionRequest(file_containing_symbol="learnwire.v1.Nobody"),
        ServerReflectionRequest(file_by_filename="nobody.proto"),
        ServerReflectionRequest(file_containing_extension=nothing),
        ServerReflectionRequest(all_extension_numbers_of_type="learnwire.v1.Nobody"),
    )
    codes = [answer.error_response.error_code for answer in answers]
    assert codes == [grpc.StatusCode.NOT_FOUND.value[0]] * 4
