"""Scalars, plain lists and left-out inputs, over a socket and in a shell."""

from collections.abc import Iterator
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
import torch
from google.protobuf import json_format
from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import endpoint_service_pb2_grpc as pb_grpc
from learnwire_client import Client, InvalidInput, Regression, ServerFailed
from learnwire_service.cli.main import app
from typer.testing import CliRunner

svc = lw.Service("scalars")
answers: list[Any] = []


@svc.api(
    input={"table": lw.Table(), "k": lw.Number(int, minimum=1, maximum=9), "up": bool},
    output=lw.Table(),
)
def top(table: pd.DataFrame, k: int = 2, up: bool = False) -> pd.DataFrame:
    """Give the first rows by their chances."""
    return table.sort_values("chance", ascending=up).head(k)


@svc.api(input=lw.Number(), output=lw.Number())
def number(value: float) -> float:
    return value


@svc.api(input={"value": float, "word": str}, output=str)
async def told(value: float, word: str = "none") -> str:
    return f"{word} {value!r}"


@svc.api(input=lw.Flag(), output=lw.Flag())
async def flag(value: bool = True) -> bool:
    return not value


@svc.api(input=lw.NdArray(), output=lw.NdArray())
async def array(value: Any) -> Any:
    return value


@svc.api(output=lw.Number(int))
async def answer() -> Any:
    return answers.pop()


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with lw.serving(svc) as address:
        yield address


@pytest.fixture(scope="module")
def caller(served: str) -> Iterator[Client]:
    with Client(served) as client:
        yield client


ROWS = [{"name": "a", "chance": 0.2}, {"name": "b", "chance": 0.5}, {"name": "c", "chance": 0.3}]


def test_an_input_that_is_left_out_has_the_functions_own_value(caller: Client) -> None:
    names = caller.call("top", inputs={"table": ROWS})["name"]
    assert names.tolist() == ["b", "c"]
    for one in (1, np.int64(1), 1.0):
        assert caller.call("top", inputs={"table": ROWS, "k": one})["name"].tolist() == ["b"]
    up = caller.call("top", inputs={"table": ROWS, "k": 1, "up": True})
    assert up["name"].tolist() == ["a"]
    assert caller.call("flag") is False
    assert caller.call("flag", False) is True
    assert caller.call("top", inputs={"table": pd.DataFrame(ROWS).iloc[:1]}).index.tolist() == [0]
    with pytest.raises(InvalidInput, match=r"inputs.table.table: expected table or rows, got noth"):
        caller.call("top", inputs={"k": 1})


@pytest.mark.parametrize("value", [3, -(2**63), 2.0, 0.5, np.float32(0.5), 2**63 - 1])
def test_a_number_stays_what_it_is(value: Any, caller: Client) -> None:
    found = caller.call("number", value)
    assert (found, type(found)) == (value, type(value + 0 if type(value) is int else 0.5))


def test_plain_types_stand_for_descriptors(caller: Client) -> None:
    assert caller.call("told", inputs={"value": 2}) == "none 2.0"
    assert caller.call("told", inputs={"value": 2.5, "word": "two"}) == "two 2.5"


@pytest.mark.parametrize(
    ("k", "path", "problem"),
    [
        (0, "inputs.k.integer", "expected an integer of at least 1 and of at most 9, got 0"),
        (1.5, "inputs.k.number", "expected an integer of at least 1 and of at most 9, got 1.5"),
        ("1", "inputs.k.text", "expected number, got text"),
        (True, "inputs.k.flag", "expected number, got flag"),
        (float("nan"), "inputs.k.number", "got nan"),
        (2**64, "inputs.k.integer", "expected an integer of 64 bits, got 18446744073709551616"),
    ],
)
def test_what_is_no_such_number_is_refused(k: Any, path: str, problem: str, caller: Client) -> None:
    with pytest.raises(InvalidInput) as caught:
        caller.call("top", inputs={"table": ROWS, "k": k})
    [violation] = caught.value.violations
    assert violation.field == path
    assert problem in violation.description


@pytest.mark.parametrize("given", [3, 3.0, np.int8(3), np.array(3), torch.tensor(3)])
def test_an_answer_may_be_a_number_of_any_library(given: Any, caller: Client) -> None:
    answers.append(given)
    found = caller.call("answer")
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("given", [3.5, True, "3", None, np.zeros(2)])
def test_an_answer_that_is_no_such_number_is_the_services_fault(given: Any, caller: Client) -> None:
    answers.append(given)
    with pytest.raises(ServerFailed):
        caller.call("answer")


def test_a_prediction_of_one_number_is_a_number() -> None:
    assert lw.Number().check(Regression.of(np.array([0.5], np.float32))) == 0.5
    with pytest.raises(lw.InvalidInput, match="expected a finite number, got a prediction"):
        lw.Number().check(Regression.of(np.zeros(2, np.float32)))


def test_a_number_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(TypeError, match="kind: expected int or float, got <class 'str'>"):
        lw.Number(str)  # type: ignore[arg-type]  # the wrong type is the point
    with pytest.raises(ValueError, match="minimum: expected at most 1, got 2"):
        lw.Number(minimum=2, maximum=1)


@pytest.mark.parametrize(
    ("given", "dtype", "values"),
    [
        ([[1, 2], [3, 4]], "int64", [[1, 2], [3, 4]]),
        ((1.5, 2), "float64", [1.5, 2.0]),
        ([True], "bool", [True]),
        (["a", "bc"], "object", ["a", "bc"]),
        ([], "float64", []),
        (torch.ones(2), "float32", [1.0, 1.0]),
    ],
)
def test_lists_and_tensors_are_arrays(
    given: Any, dtype: str, values: list[Any], caller: Client
) -> None:
    found = caller.call("array", given)
    assert (str(found.dtype), found.tolist()) == (dtype, values)


def test_lists_that_are_no_array_are_refused(caller: Client) -> None:
    with pytest.raises(InvalidInput, match=r"input\.array: expected lists of equal length"):
        caller.call("array", [[1], [2, 3]])
    with pytest.raises(InvalidInput, match=r"input\.array\.data"):
        caller.call("array", ["a", 1])
    with pytest.raises(InvalidInput, match=r'inputs.table.rows.rows\[1\].cells\["a"\]'):
        caller.call("top", inputs={"table": [{"a": 1}, {"a": b""}]})


def test_by_hand_and_in_a_shell(served: str, caller: Client) -> None:
    with grpc.insecure_channel(served) as channel:
        stub = pb_grpc.EndpointServiceStub(channel)
        request = {"endpoint": "number", "input": {"integer": 3}}
        response = stub.Call(json_format.ParseDict(request, pb.CallRequest()))
    assert json_format.MessageToDict(response.output) == {"integer": "3"}
    run = CliRunner()
    table = 'table=[{"name": "a", "chance": 0.5}, {"name": "b", "chance": 0.2}]'
    shell = run.invoke(app, ["call", "top", table, "k=1", "up=true", "--target", served])
    assert (shell.exit_code, shell.output) == (0, '[{"name": "b", "chance": 0.2}]\n')
    shell = run.invoke(app, ["call", "flag", "--target", served])
    assert (shell.exit_code, shell.output) == (0, "false\n")
    for wrong in ("k=x", "k=1.5", "k=true", "up=1"):
        assert run.invoke(app, ["call", "top", table, wrong, "--target", served]).exit_code == 2
    described = {one.name: one for one in caller.endpoints()}
    assert described["top"].optional == {"k", "up"}
    page = repr(described["top"])
    assert "k      an integer of at least 1 and of at most 9, or nothing" in page
    assert "up     true or false, or nothing" in page
    assert "takes a number" in repr(described["number"])
