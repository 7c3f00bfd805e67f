"""`learnwire call` and `learnwire endpoints`, of a server on a socket."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from google.protobuf import json_format
from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import io_pb2
from learnwire_client import Client, SingleLabel
from learnwire_client.testing import FakeServer
from learnwire_service.cli.main import app
from typer.testing import CliRunner, Result

from tests.client.serving import Endpoints, nobody, serving
from tests.client.test_client_endpoints import Stuck

COLUMNS = [
    {"name": "island", "type": "COLUMN_TYPE_STRING"},
    {"name": "year", "type": "COLUMN_TYPE_INTEGER"},
]
DESCRIPTORS: dict[str, dict[str, Any]] = {
    "text": {"text": {"maxChars": 100}},
    "row": {"row": {"columns": COLUMNS}},
    "table": {"table": {"columns": COLUMNS}},
    "floats": {"array": {"dataType": "DATA_TYPE_FLOAT32", "shape": {"dimensions": [-1]}}},
    "bytes": {"array": {"dataType": "DATA_TYPE_UINT8"}},
    "anything": {"array": {}},
    "prediction": {"prediction": {}},
    "unknown": {},
}


def endpoint(name: str, *inputs: tuple[str, str], streaming: bool = False) -> pb.Endpoint:
    message = pb.Endpoint(name=name, service="demo", streaming=streaming)
    for one, kind in inputs:
        descriptor = json_format.ParseDict(DESCRIPTORS[kind], pb.IoDescriptor())
        message.inputs.add(name=one, io=descriptor)
    return message


def echo(request: pb.CallRequest, context: grpc.ServicerContext) -> pb.Payload:
    """Give back the input, or of inputs by name one that tells what they are."""
    if request.endpoint == "fails":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no account")
    if request.HasField("input"):
        return request.input
    kinds = {name: one.WhichOneof("value") for name, one in request.inputs.items()}
    return pb.Payload(text=io_pb2.Text(content=json.dumps(kinds, sort_keys=True)))


def letters(request: pb.CallStreamRequest, context: grpc.ServicerContext) -> Iterator[pb.Payload]:
    for letter in request.input.text.content:
        if letter == "!":
            context.abort(grpc.StatusCode.ABORTED, "enough")
        yield pb.Payload(text=io_pb2.Text(content=letter))


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """A server with an endpoint for each kind of input, and some more."""
    endpoints = [endpoint(kind, ("", kind)) for kind in DESCRIPTORS]
    endpoints += [
        endpoint("compare", ("text", "text"), ("row", "row")),
        endpoint("letters", ("", "text"), streaming=True),
        endpoint("nothing"),
        endpoint("fails"),
    ]
    with serving(endpoints=Endpoints(endpoints, echo, letters)) as running:
        yield running


def learnwire(*arguments: object, target: str) -> Result:
    environment = {"LEARNWIRE_TARGET": target, "COLUMNS": "200", "TERM": "dumb"}
    return CliRunner().invoke(app, list(map(str, arguments)), env=environment)


def called(*arguments: object, target: str) -> Any:
    done = learnwire("call", *arguments, target=target)
    assert (done.exit_code, done.stderr) == (0, "")
    [line] = done.stdout.splitlines()
    return json.loads(line)


@pytest.mark.parametrize("text", ["I really liked that movie! 🐧", "", "a=b", "@nobody", "[1"])
def test_a_text_is_sent_as_it_is(text: str, target: str) -> None:
    assert called("text", text, target=target) == text


def test_a_row_is_a_json_object(target: str) -> None:
    row = {"island": None, "year": 2007, "b": True}
    assert called("row", json.dumps(row), target=target) == row


def test_a_table_is_a_json_list_of_rows(target: str) -> None:
    rows = [{"island": "Dream", "year": 2007}, {"island": None, "year": None}]
    assert called("table", json.dumps(rows), target=target) == rows


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_table_is_read_from_a_file(suffix: str, tmp_path: Path, target: str) -> None:
    rows: list[dict[str, Any]] = [{"island": "01", "year": 2007}, {"island": None, "year": None}]
    path = tmp_path / f"rows.{suffix}"
    match suffix:
        case "csv":
            path.write_text("island,year\n01,2007\n,\n")
        case "jsonl":
            path.write_text("\n".join(map(json.dumps, rows)) + "\n")
        case _:
            pd.DataFrame(rows, dtype=object).to_parquet(path)
    assert called("table", f"@{path}", target=target) == rows


def test_an_array_is_json_of_the_type_that_the_endpoint_takes(target: str) -> None:
    assert called("floats", "[1, 2.5]", target=target) == [1, 2.5]
    assert called("bytes", "[[1, 255]]", target=target) == [[1, 255]]
    assert called("anything", '[["a"], ["b"]]', target=target) == [["a"], ["b"]]
    assert called("anything", "5", target=target) == 5


def test_an_array_is_read_from_a_file(tmp_path: Path, target: str) -> None:
    np.save(tmp_path / "two.npy", np.array([[0.5, 1]]))
    assert called("floats", f"@{tmp_path / 'two.npy'}", target=target) == [[0.5, 1]]
    (tmp_path / "image.png").write_bytes(b"\x00\xff")
    assert called("bytes", f"@{tmp_path / 'image.png'}", target=target) == [0, 255]


def test_a_prediction_is_that_of_the_contract(target: str) -> None:
    label = {"label": "yes", "index": 1, "probabilities": [0.25, 0.75]}
    sent = {"model": "m", "version": "v1", "singleLabel": label, "warnings": ["ignored: x"]}
    done = learnwire("call", "prediction", json.dumps(sent), target=target)
    told = {"label": "yes", "index": 1, "p_0": 0.25, "p_1": 0.75}
    assert json.loads(done.stdout) == {"model": "m:v1", **told}
    assert done.stderr == "warning: ignored: x\n"


def test_inputs_by_name_are_typed_in_any_order(target: str) -> None:
    answer = called("compare", "row={}", "text=a=b", target=target)
    assert json.loads(answer) == {"row": "row", "text": "text"}
    assert json.loads(called("nothing", target=target)) == {}


def test_a_stream_is_printed_line_by_line_also_before_an_error(target: str) -> None:
    assert learnwire("call", "letters", "ab", target=target).stdout == '"a"\n"b"\n'
    ended = learnwire("call", "letters", "ab!", target=target)
    assert (ended.exit_code, ended.stdout) == (1, '"a"\n"b"\n')
    assert ended.stderr == "learnwire: enough\n"


def test_numbers_are_printed_whole(target: str) -> None:
    assert called("anything", "[0.30000000000000004, 1e300]", target=target) == [0.1 + 0.2, 1e300]


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["tetx", "a"], 1, 'has no endpoint "tetx"; its endpoints: text, row, table'),
        (["tetx", "a"], 1, "; did you mean text?"),
        (["fails"], 1, "learnwire: no account"),
        (["text"], 2, "text takes a text of at most 100 characters; got 0 inputs"),
        (["text", "a", "b"], 2, "got 2 inputs"),
        (["nothing", "a"], 2, 'nothing takes nothing; got "a"'),
        (["compare", "text=a"], 2, "got no row"),
        (["compare", "row={}", "a"], 2, "compare takes text=(a text of at most 100 characters)"),
        (["compare", "row={}", "txet=a"], 2, 'got "txet=a"'),
        (["compare", "row={}", "text=a", "row={}"], 2, "got one of them twice"),
        (["row", "{island"], 2, "expected a JSON object of cells, got no JSON"),
        (["row", "[1]"], 2, "expected a JSON object of cells, got [1]"),
        (["row", '{"a": []}'], 1, 'input.row.cells["a"]'),
        (["table", "5"], 2, "a JSON list of rows, or @FILE"),
        (["table", "@rows.txt"], 2, "expected a .csv, .jsonl or .parquet file"),
        (["table", "@missing.csv"], 2, "missing.csv"),
        (["table", "[[1]]"], 1, "expected a column name"),
        (["bytes", "[256]"], 2, "expected an integer from 0 to 255, got 256"),
        (["bytes", "[[1], 2]"], 2, "ragged"),
        (["bytes", "@missing.npy"], 2, "missing.npy"),
        (["anything", "[[1], 2]"], 2, "inhomogeneous shape"),
        (["anything", '["a", 1]'], 1, "expected only strings, got int"),
        (["floats", "abc"], 2, "an array as JSON, or @FILE"),
        (["prediction", "{}"], 2, "expected an answer"),
        (["prediction", '{"lable": 1}'], 2, "lable"),
        (["unknown", "a"], 2, "too old"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    arguments: list[str], code: int, problem: str, target: str
) -> None:
    done = learnwire("call", *arguments, target=target)
    assert done.exit_code == code
    assert problem in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""


def test_endpoints_are_listed_with_what_they_take(target: str) -> None:
    with Client(target) as client:
        pages = [repr(one) for one in client.endpoints()]
    assert learnwire("endpoints", target=target).stdout == "\n\n".join(pages) + "\n"


def test_a_server_without_endpoints_or_without_anybody_tells_the_next_step() -> None:
    with serving() as bare:
        done = learnwire("endpoints", target=bare)
    assert done.exit_code == 1
    assert "learnwire serve" in done.stderr
    with nobody() as gone:
        done = learnwire("call", "text", "a", "--timeout", "20", target=gone)
    assert done.exit_code == 1
    assert f"no server answers at {gone}: start one with `learnwire serve" in done.stderr


def test_statistics_are_asked_of_what_there_is_and_of_nothing_else() -> None:
    # This server has statistics of an endpoint of any name.
    with FakeServer({"imdb": SingleLabel.of("positive")}, endpoints={"ask": "yes"}) as server:
        of_model = learnwire("stats", "imdb", target=server.target).stdout
        of_endpoint = learnwire("stats", "ask", target=server.target).stdout
    assert "0 predicted" in of_model
    assert "0 answered" not in of_model
    assert "0 answered" in of_endpoint
    assert "0 predicted" not in of_endpoint


def test_an_interrupt_ends_the_call() -> None:
    stuck = Stuck()
    endless = endpoint("endless", ("", "text"), streaming=True)
    program = str(Path(sys.executable).parent / "learnwire")
    with serving(endpoints=Endpoints([endless], stream=stuck.stream)) as target:
        command = [program, "call", "endless", "a", "--target", target]
        with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
            assert stuck.began.acquire(timeout=60)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        assert stuck.over.acquire(timeout=60)
    assert (process.returncode, errors) == (130, "")
