"""What commands have in common: what is typed, and how they fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ..common.defaults import TARGET_VARIABLE
from ..common.errors import LearnwireError, plain

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

TagArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="name, name:latest, name:version or name:prefix")
]


def checked_target(target: str | None) -> str | None:
    """Refuse a target that is none, before anything is done with it; for an option's callback."""
    if target is not None:
        from learnwire_client.proxies import check_target

        try:
            check_target(target)
        except ValueError as error:
            raise typer.BadParameter(str(error).removeprefix("target: ")) from None
    return target


TargetOption = Annotated[
    str,
    typer.Option(envvar=TARGET_VARIABLE, callback=checked_target, help="the server's host:port"),
]

_EXIT_FAILURE = 1


@contextmanager
def reported(*errors: type[Exception]) -> Iterator[None]:
    """Print an expected error, of this package or one of those given, as one line and exit 1."""
    expected: tuple[type[Exception], ...] = (LearnwireError, *errors)
    try:
        yield
    except expected as error:
        fail(str(error))
    except ValueError as error:
        # pydantic's, which need not be installed.
        if (problems := getattr(error, "errors", None)) is None:
            raise
        fail("; ".join(map(_problem, problems())))


def _problem(error: "ErrorDetails") -> str:
    message = error["msg"].removeprefix("Value error, ")
    return f"{error['loc'][0]}: {message}, got {error['input']!r}" if error["loc"] else message


def fail(problem: str) -> NoReturn:
    """Print a problem as one line and exit 1."""
    # What is quoted in it may be somebody else's.
    lines = map(plain, problem.splitlines() or [""])
    typer.echo("learnwire: " + "\n".join(lines), err=True)
    raise typer.Exit(_EXIT_FAILURE)
