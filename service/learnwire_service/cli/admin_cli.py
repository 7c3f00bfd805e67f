"""Commands that change what a server serves, while it serves."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ..common.defaults import TARGET
from ..common.mib import MIB
from .commands import TargetOption, reported
from .connecting import Connection, connects

if TYPE_CHECKING:
    from learnwire_client import Client, LoadedModel

app = typer.Typer(no_args_is_help=True, help="Change what a server serves, while it serves.")

# Loading a Learner and asking its golden examples again may take so long.
_SECONDS = 600.0
_HEAD = ("tag", "default", "share", "state", "since", "memory", "problem")

_Stored = Annotated[
    str, typer.Argument(metavar="MODEL", help="name, for the newest of the store, or name:version")
]
_Loaded = Annotated[str, typer.Argument(metavar="MODEL", help="name:version, one that is loaded")]


@app.command("list")
@connects
def list_loaded(connection: Connection, target: TargetOption = TARGET) -> None:
    """List what a server has loaded, what could not be loaded, and how much memory each takes."""
    from learnwire_client.page import aligned

    with _connected(target, connection) as client:
        loaded = client.loaded()
    for line in aligned([_HEAD, *map(_cells, loaded)]):
        typer.echo(line)


@app.command()
@connects
def load(model: _Stored, connection: Connection, target: TargetOption = TARGET) -> None:
    """Load a version beside those that are served; the default stays as it is."""
    with _connected(target, connection) as client:
        typer.echo(f"loaded {_tag(model, client.load(model))}")


@app.command()
@connects
def unload(model: _Loaded, connection: Connection, target: TargetOption = TARGET) -> None:
    """Serve a version no longer; calls that it has begun are answered."""
    with _connected(target, connection) as client:
        typer.echo(f"unloaded {_tag(model, client.unload(model))}")


@app.command()
@connects
def default(model: _Loaded, connection: Connection, target: TargetOption = TARGET) -> None:
    """Have a version answer to the model's bare name."""
    with _connected(target, connection) as client:
        version = client.set_default(model)
    typer.echo(f"{_tag(model, version)} answers to {_name(model)}")


@app.command()
@connects
def update(model: _Stored, connection: Connection, target: TargetOption = TARGET) -> None:
    """Serve a version in the place of all others of its model, without a failed call."""
    with _connected(target, connection) as client:
        version = client.update(model)
    typer.echo(f"{_tag(model, version)} answers to {_name(model)} in the place of the others")


@app.command()
@connects
def drain(connection: Connection, target: TargetOption = TARGET) -> None:
    """End a server with all its workers, once the calls that are running have been answered."""
    with _connected(target, connection) as client:
        seconds = client.drain()
    typer.echo(f"{target} ends; calls that are running have {seconds:g} s")


@contextmanager
def _connected(target: str, connection: Connection) -> "Iterator[Client]":
    from learnwire_client import CallError, Client

    options = connection.options(target)
    with reported(CallError), Client(target, timeout=_SECONDS, options=options) as client:
        yield client


def _name(model: str) -> str:
    return model.partition(":")[0]


def _tag(model: str, version: str) -> str:
    return f"{_name(model)}:{version}"


def _cells(one: "LoadedModel") -> tuple[str, ...]:
    memory = f"{one.memory_bytes / MIB:.1f} MiB" if one.memory_bytes else "-"
    since = f"{one.since:%Y-%m-%dT%H:%M:%SZ}" if one.since else "-"
    default, share = "yes" if one.default else "", f"{100 * one.share:.4g}%"
    return one.tag, default, share, one.state, since, memory, one.problem or "-"
