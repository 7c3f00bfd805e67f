"""`learnwire contract` in a shell: what it writes, and what can be done with that."""

import json
import subprocess
import sys
from pathlib import Path

import learnwire_service as lw
import pytest
from learnwire_service.common.errors import ToolMissing
from learnwire_service.contracts import files
from learnwire_service.models.contracts import contracts_of

from tests.conftest import Trained

from .test_cli import learnwire, learnwire_here

SERVICE = "learnwire/models/penguins/v1/penguins_service"
# As someone else's program would, which has the stubs and what they need.
PROGRAM = """
import json
from google.protobuf import json_format
from learnwire.models.penguins.v1 import penguins_service_pb2 as pb2, penguins_service_pb2_grpc
request = pb2.PredictRequest(island="Dream", year=2007, bill_length_mm=39.1)
print(json.dumps({
    "sent": json_format.MessageToDict(request, preserving_proto_field_name=True),
    "classes": pb2.Category.items(),
    "stub": penguins_service_pb2_grpc.PenguinsServiceStub.__name__,
    "file": pb2.__file__,
}))
"""


def test_contract_writes_protos_and_stubs_that_import(
    trained: dict[str, Trained], tmp_path: Path
) -> None:
    written = learnwire("contract", "penguins", "-o", tmp_path, "--python")
    assert (written.returncode, written.stderr) == (0, "")
    path, comment, line = written.stdout.splitlines()
    assert path == f"{tmp_path / SERVICE}.proto"
    assert comment.startswith("# ")
    assert line.startswith(f"python -m grpc_tools.protoc -I{tmp_path} ")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.proto")) == [
        "google/rpc/error_details.proto",
        "google/rpc/status.proto",
        f"{SERVICE}.proto",
        "learnwire/v1/options.proto",
    ]
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert told.stderr == ""
    assert json.loads(told.stdout) == {
        "sent": {"island": "Dream", "year": "2007", "bill_length_mm": 39.1},
        "classes": [
            ["CATEGORY_UNSPECIFIED", 0],
            ["CATEGORY_ADELIE", 1],
            ["CATEGORY_CHINSTRAP", 2],
            ["CATEGORY_GENTOO", 3],
        ],
        "stub": "PenguinsServiceStub",
        "file": str(tmp_path / f"{SERVICE}_pb2.py"),
    }


def test_contract_tells_two_versions_apart(trained: dict[str, Trained]) -> None:
    version = lw.get("penguins").tag
    told = learnwire("contract", "diff", version, version)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.endswith(
        f"keep working with {version}.\nNothing of the contract is different.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["nobody", "-o", "x"], 1, 'there is no model "nobody"'),
        (["penguins"], 2, "--output"),
        (["diff", "penguins"], 2, "Missing argument"),
        (["diff", "penguins", "digits"], 1, "are no versions of one model"),
        (["penguins", "-o", "/proc/nowhere"], 1, "/proc/nowhere"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    arguments: list[str], code: int, problem: str, trained: dict[str, Trained], tmp_path: Path
) -> None:
    done = learnwire_here("contract", *arguments)
    assert done.exit_code == code
    assert problem in done.stderr


def test_stubs_without_the_generator_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "grpc_tools", None)
    with pytest.raises(ToolMissing, match="pip install grpcio-tools"):
        files.write_stubs([], tmp_path)


def test_stubs_that_cannot_be_generated_are_an_error(
    trained: dict[str, Trained], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OSError, match="could not write the stubs"):
        files.write_stubs(contracts_of("penguins"), tmp_path)  # no .proto is there yet
    assert "No such file" in capfd.readouterr().err
