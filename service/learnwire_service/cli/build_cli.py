"""The command that makes a bundle of a service or of models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..common.errors import plain
from ..common.extras import missing_of
from ..common.settings_file import FILE, SettingsFile
from .commands import fail, reported

if TYPE_CHECKING:
    from ..bundles.build import Built

app = typer.Typer()

_SETTINGS = (".yaml", ".yml")
_MOST_LEFT_OUT = 20


@app.command(short_help="Make a bundle of a service or models, to be served elsewhere.")
def build(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="the folder that is made")
    ],
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=f"SERVICE|MODEL...|{FILE}",
            help=f"what is served, as for learnwire serve; or a file of settings. {FILE} of the "
            "working directory is read by itself.",
        ),
    ] = None,
    kubernetes: Annotated[
        bool,
        typer.Option(
            "--kubernetes", help="Add manifests; the bundle is served once, for its memory."
        ),
    ] = False,
    old: Annotated[
        Path | None,
        typer.Option("--from", metavar="BENTOFILE", help="read a build file of BentoML instead"),
    ] = None,
) -> None:
    """Make a bundle: code, models, a lock of packages, and what an image is made with.

    `learnwire serve ./DIR` serves it. Services are imported, and so run with your rights. The
    section `build` of learnwire.yaml says what else belongs to it: see docs/build.md.
    """
    if missing := missing_of("build"):
        fail(f"build needs {missing}, which is not installed: pip install 'learnwire[build]'")
    files = [one for one in what or () if one.endswith(_SETTINGS)]
    named = [one for one in what or () if one not in files]
    if len(files) > 1:
        raise typer.BadParameter(f"expected one file of settings, got {' and '.join(files)}")
    if old is not None and files:
        raise typer.BadParameter(f"--from {old} and {files[0]}: expected one of them")
    with reported():
        from ..bundles.build import build as make

        file = _old(old) if old else SettingsFile.find(Path(files[0]) if files else None)
        built = make(named or [*file.models], file, output.absolute(), kubernetes=kubernetes)
    _tell(built)
    typer.echo(output)


def _old(path: Path) -> SettingsFile:
    """Read a build file of BentoML, and say what of it has no meaning here."""
    from ..bundles.bentofile import translated

    document, told = translated(path)
    for one in told:
        typer.echo(f"learnwire: {plain(one)}", err=True)
    return SettingsFile.of(document)


def _tell(built: "Built") -> None:
    """Say on stderr what is in a bundle, and what is not."""
    typer.echo(f"{built.about.name}: {_summary(built)}", err=True)
    for one in built.left_out[:_MOST_LEFT_OUT]:
        typer.echo(f"left out: {plain(one)}", err=True)
    if more := built.left_out[_MOST_LEFT_OUT:]:
        typer.echo(f"left out: {len(more)} more files", err=True)
    for one in built.told:
        typer.echo(f"learnwire: {one}", err=True)


def _summary(built: "Built") -> str:
    models = ", ".join(built.about.models) or "no model"
    count = len(built.code.files)
    code = f"{count} file{'' if count == 1 else 's'} of code"
    return f"{code}, {models}, {len(built.lock.packages)} packages"
