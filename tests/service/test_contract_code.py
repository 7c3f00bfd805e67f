"""The code that languages make of the contracts: where it lies, and that none of it clashes."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from shutil import which

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileOptions
from learnwire_service.contracts.contract import Contract
from learnwire_service.contracts.derive import derive
from learnwire_service.contracts.files import compile_line, write_protos

from .signatures import generated, lock_with, signatures

PROTOS = Path(__file__).parents[2] / "protos"
GOOGLES = files("grpc_tools") / "_proto"
OURS = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("learnwire/v1/*.proto"))
INFERENCE = "learnwire/inference/v2.proto"


def contract_of(package: str) -> Contract:
    (signature,) = generated(1, signatures)
    return derive(lock_with(signature, model=package, package=package), "v1", signature)


def descriptor_of(file: str) -> FileDescriptorProto:
    module = __import__(file.removesuffix(".proto").replace("/", ".") + "_pb2", fromlist=["x"])
    return FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


@pytest.mark.parametrize("file", OURS)
def test_every_file_says_where_its_code_lies(file: str) -> None:
    name = "".join(part.capitalize() for part in Path(file).stem.split("_"))
    assert descriptor_of(file).options == FileOptions(
        csharp_namespace="Learnwire.V1",
        go_package="learnwire/v1;learnwirev1",
        java_multiple_files=True,
        java_outer_classname=f"{name}Proto",
        java_package="com.learnwire.v1",
        objc_class_prefix="LWR",
        php_namespace="Learnwire\\V1",
        ruby_package="Learnwire::V1",
    )


def test_the_open_inference_protocol_lies_beside_it() -> None:
    assert descriptor_of(INFERENCE).options == FileOptions(
        csharp_namespace="Learnwire.Inference.V2",
        go_package="learnwire/inference/v2;inferencev2",
        java_multiple_files=True,
        java_outer_classname="V2Proto",
        java_package="com.learnwire.inference.v2",
        objc_class_prefix="LWRInferenceV2",
        php_namespace="Learnwire\\Inference\\V2",
        ruby_package="Learnwire::Inference::V2",
    )


def test_a_models_contract_says_where_its_code_lies() -> None:
    assert contract_of("wine_quality").file.options == FileOptions(
        csharp_namespace="Learnwire.Models.WineQuality.V1",
        go_package="learnwire/models/wine_quality/v1;wine_qualityv1",
        java_multiple_files=True,
        java_outer_classname="WineQualityServiceProto",
        java_package="com.learnwire.models.wine_quality.v1",
        objc_class_prefix="LWRWineQualityV1",
        php_namespace="Learnwire\\Models\\WineQuality\\V1",
        ruby_package="Learnwire::Models::WineQuality::V1",
    )


def class_files(files: Iterable[FileDescriptorProto]) -> list[str]:
    """List the files that Java's and Kotlin's compilers make of some; each has its own."""
    return [
        f"{file.options.java_package}.{name}"
        for file in files
        for name in (
            file.options.java_outer_classname,
            *(message.name for message in file.message_type),
            *(enum.name for enum in file.enum_type),
            *(f"{service.name}Grpc" for service in file.service),
        )
    ]


def test_no_class_has_the_name_of_another() -> None:
    contracts = [contract_of(package) for package in ("wine", "arrays", "predict_request")]
    names = class_files([*map(descriptor_of, [*OURS, INFERENCE]), *(one.file for one in contracts)])
    # On some machines names are the same that differ in case alone.
    assert Counter(map(str.lower, names)).most_common(1)[0][1] == 1


@pytest.mark.parametrize("file", [*OURS, INFERENCE])
def test_no_field_hides_the_packages_that_kotlins_code_names(file: str) -> None:
    descriptor = descriptor_of(file)
    names = {field.name for message in descriptor.message_type for field in message.field}
    assert not names & {descriptor.options.java_package.partition(".")[0], "com", "kotlin"}


@pytest.mark.skipif(which("protoc") is None, reason="needs protoc, with languages but Python")
@pytest.mark.parametrize("language", ["java", "kotlin", "csharp", "objc", "php", "ruby", "cpp"])
def test_protoc_makes_code_of_all_files_together(language: str, tmp_path: Path) -> None:
    contracts = [contract_of(package) for package in ("wine", "arrays", "predict_request")]
    write_protos(contracts, tmp_path)
    for file in (*OURS, INFERENCE):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes((PROTOS / file).read_bytes())
    (tmp_path / "code").mkdir()
    protos = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.proto")]
    # C# has no folders unless it is told, and two files that are both called Arrays.cs.
    options = ["--csharp_opt=base_namespace="] if language == "csharp" else []
    command = ["protoc", "-I.", f"-I{GOOGLES}", f"--{language}_out=code", *options, *protos]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = [str(path).lower() for path in (tmp_path / "code").rglob("*") if path.is_file()]
    assert len(written) >= len(protos)
    assert len(set(written)) == len(written)


def test_a_folder_has_all_that_its_files_import_and_the_details_of_errors(tmp_path: Path) -> None:
    write_protos([contract_of("wine")], tmp_path)
    protos = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.proto")}
    assert "google/rpc/error_details.proto" in protos
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "-oset.binpb", *protos]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_line_that_compiles_a_contract_does(tmp_path: Path) -> None:
    contract = contract_of("wine")
    folder = tmp_path / "with space"
    write_protos([contract], folder)
    line = compile_line([contract], folder).replace("python", sys.executable, 1)
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    stubs = {path.name for path in (folder / "learnwire/models/wine/v1").glob("*.py")}
    assert stubs == {"wine_service_pb2.py", "wine_service_pb2_grpc.py"}
