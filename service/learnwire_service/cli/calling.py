"""Commands that ask the endpoints of a server's services."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ..common.defaults import TARGET
from ..common.spelling import meant
from .commands import TargetOption, fail, reported
from .connecting import Connection, connects

if TYPE_CHECKING:
    from learnwire_client import Client, Endpoint

app = typer.Typer()


@app.command("endpoints", short_help="List the endpoints of a server's services.")
@connects
def list_endpoints(connection: Connection, target: TargetOption = TARGET) -> None:
    """List the endpoints of a server's services: what each takes and answers."""
    with _connected(target, connection, 30) as client:
        endpoints = client.endpoints()
    if not endpoints:
        fail(f"{target} has no endpoints: learnwire serve file.py:service serves some")
    typer.echo("\n\n".join(map(repr, endpoints)))


@app.command(short_help="Call an endpoint and print its answer as JSON.")
@connects
def call(
    endpoint: Annotated[
        str, typer.Argument(metavar="ENDPOINT", help="its name; see learnwire endpoints")
    ],
    connection: Connection,
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="[INPUT | NAME=INPUT]", help="what it takes")
    ] = None,
    target: TargetOption = TARGET,
    timeout: Annotated[
        float, typer.Option(min=0.001, help="seconds for the answer, or for the whole stream")
    ] = 30,
) -> None:
    """Call an endpoint and print its answer as JSON, or those of a stream line by line.

    \b
    learnwire call classify_text "I really liked that movie!"
    learnwire call compare text="What a film!" row='{"island": "Dream", "year": 2007}'

    An INPUT is what learnwire endpoints says that the endpoint takes:

    \b
    a text        as it is
    a row         a JSON object of cells
    a table       a JSON list of rows, or @FILE, a .csv, .jsonl or .parquet file
    an array      JSON, or @FILE: an .npy file, or the bytes of any other (uint8)
    an image      @FILE
    a number      as it is
    true or false as it is
    a prediction  JSON, as learnwire.v1.Prediction

    Exit codes: 0 all is fine; 1 it failed; 2 wrong usage; 130 interrupted.
    """  # noqa: D301 - a backspace, before lines that are to stay as they are
    from .arguments import read_inputs
    from .printing import print_answer

    with _connected(target, connection, timeout) as client:
        described = _found(client, endpoint, target)
        value, named = read_inputs(described, inputs or [])
        if described.streaming:
            for answer in client.stream(endpoint, value, inputs=named):
                print_answer(answer)
        else:
            print_answer(client.call(endpoint, value, inputs=named))


@contextmanager
def _connected(target: str, connection: Connection, timeout: float) -> "Iterator[Client]":
    from learnwire_client import CallError, Client

    options = connection.options(target)
    with reported(CallError), Client(target, timeout=timeout, options=options) as client:
        yield client


def _found(client: "Client", name: str, target: str) -> "Endpoint":
    endpoints = {one.name: one for one in client.endpoints()}
    if name not in endpoints:
        there = ", ".join(endpoints) or "none"
        fail(f'{target} has no endpoint "{name}"; its endpoints: {there}{meant(name, endpoints)}')
    return endpoints[name]
