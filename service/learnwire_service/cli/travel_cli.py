"""The commands that bring saved models from store to store."""

from pathlib import Path
from typing import Annotated

import typer

from .commands import TagArgument, reported

app = typer.Typer()


@app.command("export")
def export_saved(
    tag: TagArgument,
    file: Annotated[Path, typer.Argument(help="the archive to write, such as penguins.tar")],
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Leave out the Learner, a pickle.")
    ] = False,
) -> None:
    """Write a version as one file; the same version makes the same bytes.

    --sealed makes an archive that is small and runs nobody's code. It holds a version of its own,
    with -sealed behind its name, that knows which one it was made of, and is not signed.
    """
    from ..models.travel import export_model

    with reported():
        print(export_model(tag, file, sealed=sealed))


@app.command("import")
def import_saved(
    file: Annotated[Path, typer.Argument(help="an archive that learnwire models export wrote")],
) -> None:
    """Bring the version in an archive into the store, whole or not at all.

    All of it is checked before anything is written, and nothing of it is run.
    """
    from ..models.travel import import_model

    with reported():
        print(import_model(file).tag)
