"""What commands have in common: how they fail, and which server they ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from learnwire_client import CallError, Client
from pydantic import ValidationError

from .errors import LearnwireError
from .serving import serving

_EXIT_FAILURE = 1


@contextmanager
def reported() -> Iterator[None]:
    """Print an expected error as one line and exit 1."""
    try:
        yield
    except (LearnwireError, CallError) as error:
        fail(str(error))
    except ValidationError as error:
        problems = [f"{p['loc'][0]}: {p['msg']}, got {p['input']!r}" for p in error.errors()]
        fail("; ".join(problems))


def fail(problem: str) -> NoReturn:
    """Print a problem as one line and exit 1."""
    typer.echo(f"learnwire: {problem}", err=True)
    raise typer.Exit(_EXIT_FAILURE)


@contextmanager
def connected(model: str, target: str | None) -> Iterator[Client]:
    """Give a client of the given server, or of one for the local store's model; see `reported`."""
    with reported(), _server(model, target) as address, Client(address) as client:
        yield client


@contextmanager
def _server(model: str, target: str | None) -> Iterator[str]:
    if target is not None:
        yield target
        return
    with serving(model) as local:
        yield local
