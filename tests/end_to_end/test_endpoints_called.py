"""A real service, called by both clients and from a shell."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from learnwire_client import (
    AsyncClient,
    CallError,
    Client,
    EndpointNotFound,
    InvalidInput,
    NotFound,
)
from learnwire_service.cli.main import app
from typer.testing import CliRunner, Result

svc = lw.Service("calls")


@svc.api(input=lw.Text(), output=lw.Text())
def text(value: str) -> str:
    """Give back a text."""
    return value


@svc.api(input=lw.TabularRow(), output=lw.TabularRow())
def row(value: "pd.Series[Any]") -> "pd.Series[Any]":
    return value


@svc.api(input=lw.Table(), output=lw.Table())
def table(value: pd.DataFrame) -> pd.DataFrame:
    return value


@svc.api(input=lw.NdArray(), output=lw.NdArray())
def array(value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return value


@svc.api(
    input={"text": lw.Text(), "row": lw.TabularRow(dtypes={"year": "int64"})}, output=lw.Text()
)
async def both(text: str, row: "pd.Series[Any]") -> str:
    return f"{text} of {row['year']}"


@svc.api(output=lw.Text())
async def nothing() -> str:
    return "something"


@svc.api(input=lw.Text(), output=lw.Text())
async def letters(text: str) -> AsyncIterator[str]:
    for letter in text:
        if letter == "!":
            raise lw.EndpointError("ABORTED", "enough", reason="ENOUGH", metadata={"at": letter})
        yield letter


@svc.api(input=lw.Text(), output=lw.Text())
def director(title: str) -> str:
    raise lw.EndpointError("NOT_FOUND", f"there is no film {title}", reason="NO_FILM")


@pytest.fixture(scope="module")
def calls() -> Iterator[str]:
    """A server of the service above."""
    with lw.serving(svc) as target:
        yield target


@pytest.fixture(scope="module")
def caller(calls: str) -> Iterator[Client]:
    """A client of that server."""
    with Client(calls) as connected:
        yield connected


def test_the_asynchronous_client_calls_and_streams(calls: str) -> None:
    async def use() -> tuple[str, list[str]]:
        async with AsyncClient(calls) as client:
            streamed = [letter async for letter in client.stream("letters", "abc")]
            return await client.call("text", "a"), streamed

    assert asyncio.run(use()) == ("a", ["a", "b", "c"])


def test_errors_read_well(caller: Client) -> None:
    with pytest.raises(EndpointNotFound, match='no endpoint "tetx" is served here'):
        caller.call("tetx", "a")
    with pytest.raises(CallError, match="letters streams") as wrong:
        caller.call("letters", "a")
    assert wrong.value.code is grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(CallError, match="text answers once"):
        next(caller.stream("text", "a"))
    with pytest.raises(NotFound, match="there is no film Nobody") as own:
        caller.call("director", "Nobody")
    assert (type(own.value), own.value.reason) == (NotFound, "NO_FILM")
    answers = caller.stream("letters", "a!")
    assert next(answers) == "a"
    with pytest.raises(CallError, match="enough") as late:
        next(answers)
    assert (late.value.reason, late.value.metadata) == ("ENOUGH", {"at": "!"})


def test_endpoints_are_described_and_counted(caller: Client) -> None:
    endpoints = {endpoint.name: endpoint for endpoint in caller.endpoints()}
    assert repr(endpoints["text"]) == (
        "text of calls\n  Give back a text.\ntakes a text of at most 100000 characters\n"
        "answers a text"
    )
    assert "  row   a row of year (integer)" in repr(endpoints["both"]).splitlines()
    assert endpoints["letters"].streaming
    before = caller.endpoint_statistics("nothing").answered
    caller.call("nothing")
    statistics = caller.endpoint_statistics("nothing")
    assert (statistics.endpoint, statistics.answered) == ("nothing", before + 1)
    with pytest.raises(EndpointNotFound):
        caller.endpoint_statistics("anything")


def learnwire(target: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--target", target])


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["text", "I really liked that movie!"], ["I really liked that movie!"]),
        (["row", '{"a": 1, "b": null}'], [{"a": 1, "b": None}]),
        (["table", '[{"a": "x"}, {"a": "y"}]'], [[{"a": "x"}, {"a": "y"}]]),
        (["array", "[[1, 2.5]]"], [[[1, 2.5]]]),
        (["both", "text=films", 'row={"year": 2007}'], ["films of 2007"]),
        (["nothing"], ["something"]),
        (["letters", "ab"], ["a", "b"]),
    ],
)
def test_a_shell_calls_them(calls: str, arguments: list[str], lines: list[Any]) -> None:
    done = learnwire(calls, "call", *arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    assert list(map(json.loads, done.stdout.splitlines())) == lines


def test_a_shell_shows_their_statistics(calls: str, caller: Client) -> None:
    with pytest.raises(InvalidInput):
        caller.call("row", "no row")
    found = caller.endpoint_statistics("row")
    assert found.invalid >= 1
    assert learnwire(calls, "stats", "row").stdout == f"{found}\n"
    shown = json.loads(learnwire(calls, "stats", "row", "--json").stdout)
    assert (shown["endpoint"], int(shown["invalid"])) == ("row", found.invalid)


def test_a_shell_lists_them(calls: str, caller: Client) -> None:
    listed = learnwire(calls, "endpoints").stdout
    assert listed == "\n\n".join(map(repr, caller.endpoints())) + "\n"
