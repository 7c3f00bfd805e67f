"""Commands that ask a model: for one prediction, for those of a file, and how it fares."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from ..common.defaults import TARGET, TARGET_VARIABLE
from .commands import TagArgument, TargetOption, checked_target, reported
from .connecting import Connection, connects

app = typer.Typer()


@app.command(short_help="Show what a server's model or endpoint has done.")
@connects
def stats(
    name: Annotated[str, typer.Argument(metavar="MODEL|ENDPOINT", help="a model or an endpoint")],
    connection: Connection,
    target: TargetOption = TARGET,
    drift: Annotated[
        bool, typer.Option("--drift", help="how a model's last items differ from its training")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Show what a server's model or endpoint has done: its items or calls, and how long they took.

    Where a model and an endpoint have the same name, both are shown.
    """
    from .asking import connected, statistics_of
    from .printing import message_json

    with connected(name, target, connection) as client:
        found = [client.drift(name)] if drift else statistics_of(client, name)
    for one in found:
        typer.echo(message_json(one) if as_json else str(one))


@app.command(short_help="Tell a server's health in one line and the exit code.")
@connects
def health(
    connection: Connection,
    name: Annotated[
        str, typer.Argument(help="a model, a service, or liveness; all of the server if left out")
    ] = "",
    target: TargetOption = TARGET,
) -> None:
    """Tell a server's health in one line: exit code 0 if it is SERVING, else 1; for probes."""
    from learnwire_client import CallError

    from ..rpc.probe import SERVING, health_of

    with reported(CallError):
        status = health_of(name, target, connection.options(target))
    typer.echo(f"{name or 'the server'} at {target}: {status}")
    raise typer.Exit(status != SERVING)


@app.command(
    short_help="Ask a model for one answer, or for those of a file.",
    context_settings={"allow_extra_args": True},
)
@connects
def predict(
    context: typer.Context,
    model: TagArgument,
    connection: Connection,
    text: Annotated[str | None, typer.Option(help="a text")] = None,
    row: Annotated[str | None, typer.Option(help='a row as JSON: {"island": "Dream", ...}')] = None,
    image: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="an image file")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, help="a .csv, .parquet or .jsonl file, or a folder of images"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="with --file: a .csv or .parquet file")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="with --file: the column of the texts, where it has several")
    ] = None,
    chunk_rows: Annotated[
        int, typer.Option(min=1, help="with --file: how many rows are kept at a time")
    ] = 10_000,
    restart: Annotated[
        bool, typer.Option("--restart", help="with --file: forget what an earlier run has done")
    ] = False,
    target: Annotated[
        str | None,
        typer.Option(
            envvar=TARGET_VARIABLE,
            callback=checked_target,
            help="ask the server at host:port, not the local store",
        ),
    ] = None,
) -> None:
    """Ask a model for one prediction and print it as JSON, or for those of a whole file.

    With --file the answers go to --output, a row for each of the input's. A row that is
    refused has no answer there, but its error, and a line in OUTPUT.errors.csv. When a run
    is cut short, the same command goes on where it ended.

    Exit codes: 0 all is fine; 1 it failed; 2 wrong usage; 3 all is done, but some rows
    were refused; 130 interrupted.
    """
    if context.args:
        raise typer.BadParameter(f"write it as {_optioned(model, ' '.join(context.args))}")
    if sum(value is not None for value in (text, row, image, file)) != 1:
        raise typer.BadParameter("give one of --text, --row and --image, or --file")
    if file is None and output is not None:
        raise typer.BadParameter("-o is for the answers to a --file")
    if file is not None:
        from .bulk import predict_file

        predict_file(model, target, connection, file, output, column, chunk_rows, restart)
        return
    from .asking import predict_one

    if image is not None:
        value: Any = image
    else:
        value = text if row is None else _cells(row)
    predict_one(model, target, connection, value)


def _optioned(model: str, bare: str) -> str:
    """Give the command that asks for an input which was written without its option."""
    from ..bulk.records import INPUT_SUFFIXES

    path = Path(bare)
    if bare.lstrip().startswith("{"):
        option = "row"
    elif path.is_dir() or path.suffix.lower() in INPUT_SUFFIXES:
        option = "file"
    else:
        option = "image" if path.is_file() else "text"
    more = " -o ANSWERS.csv" if option == "file" else ""
    return f"learnwire predict {model} --{option} {shlex.quote(bare)}{more}"


def _cells(text: str) -> dict[str, Any]:
    try:
        cells = json.loads(text)
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"--row is no JSON: {error}") from error
    if not isinstance(cells, dict):
        raise typer.BadParameter('--row is a JSON object of cells: {"island": "Dream", ...}')
    return cells
