"""The command line: parse, call, print.

Where only a client is installed, the commands that ask a server are there, and the others say what
to install.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from ..common.extras import can_serve, needed_for
from . import admin_cli, calling, predicting, top
from .commands import fail

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its boxes break the lines of commands that are to be copied
    help="Put a trained fastai Learner on the wire: save it, serve it, ask it.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"learnwire {version('learnwire')}")
        raise typer.Exit


@app.callback()
def _every(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Tell the version."),
    ] = False,
) -> None:
    pass


# What each of the commands that are not for clients needs.
_EXTRAS = {"build": "build"}
_EXTRAS |= dict.fromkeys(("save", "import-bentoml"), "service")
_EXTRAS |= dict.fromkeys(("serve", "models", "contract", "token"), "serve")


def _stand_in(command: str, extra: str) -> None:
    """Add a command that says what to install."""

    @app.command(
        command,
        help=f'Not installed here: needs the extra "{extra}" of learnwire.',
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )
    def tell() -> None:
        fail(f"{command} needs more than is installed here: pip install 'learnwire[{extra}]'")


if can_serve():
    from . import build_cli, server_cli, store_cli, token_cli

    app.add_typer(store_cli.app)
    app.add_typer(server_cli.app)
    app.add_typer(build_cli.app)
    app.add_typer(token_cli.token_app, name="token")
else:
    for _command, _extra in _EXTRAS.items():
        _stand_in(_command, _extra)
app.add_typer(predicting.app)
app.add_typer(calling.app)
app.add_typer(top.app)
app.add_typer(admin_cli.app, name="admin")


def main() -> None:
    """Run the command line; where a library is missing, say which extra has it."""
    try:
        app()
    except ModuleNotFoundError as error:
        if not (sentence := needed_for(error)):
            raise
        typer.echo(f"learnwire: {sentence}", err=True)
        sys.exit(1)
