"""The command line: parse, call, print.

Where only a client is installed, the commands that ask a server are there, and the others say what
to install.
"""

import sys

import typer

from . import calling, predicting
from .commands import fail
from .extras import can_serve, needed_for

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Put a trained fastai Learner on the wire: save it, serve it, ask it.",
)


def _needs_serve() -> None:
    """Not installed here: needs the extra "serve" of learnwire."""
    fail("a server needs more than this installation has: pip install 'learnwire[serve]'")


if can_serve():
    from . import server_cli

    app.add_typer(server_cli.app)
else:
    _anything = {"allow_extra_args": True, "ignore_unknown_options": True}
    for _name in ("save", "serve", "models", "contract"):
        app.command(_name, context_settings=_anything)(_needs_serve)
app.add_typer(predicting.app)
app.add_typer(calling.app)


def main() -> None:
    """Run the command line; where a library is missing, say which extra has it."""
    try:
        app()
    except ModuleNotFoundError as error:
        if not (sentence := needed_for(error)):
            raise
        typer.echo(f"learnwire: {sentence}", err=True)
        sys.exit(1)
