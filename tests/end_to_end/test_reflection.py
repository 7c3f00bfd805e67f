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

from tests.end_to_end.typed import contract_of

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
    service = "learnwire.v1.PredictionService"
    by_service, by_method, by_name = ask(
        target,
        version,
        ServerReflectionRequest(file_containing_symbol=service),
        ServerReflectionRequest(file_containing_symbol=f"{service}.Predict"),
        ServerReflectionRequest(file_by_filename="learnwire/v1/prediction_service.proto"),
    )
    assert files(by_service) == files(by_method) == files(by_name)
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


def test_a_models_own_contract_comes_whole_with_its_comments(target: str, version: str) -> None:
    contract = contract_of("penguins")
    extended = "google.protobuf.FieldOptions"
    column = ExtensionRequest(containing_type=extended, extension_number=73202)
    by_symbol, by_name, numbers, by_extension = ask(
        target,
        version,
        ServerReflectionRequest(file_containing_symbol=contract.service),
        ServerReflectionRequest(file_by_filename=contract.file.name),
        ServerReflectionRequest(all_extension_numbers_of_type=extended),
        ServerReflectionRequest(file_containing_extension=column),
    )
    found = files(by_symbol)
    assert found == files(by_name)
    assert {"google/rpc/status.proto", "learnwire/v1/options.proto"} < set(found)
    comments = [
        location.leading_comments
        for location in found[contract.file.name].source_code_info.location
    ]
    assert any('The column "island"' in comment for comment in comments)
    assert 73202 in numbers.all_extension_numbers_response.extension_number
    assert "learnwire/v1/options.proto" in files(by_extension)
