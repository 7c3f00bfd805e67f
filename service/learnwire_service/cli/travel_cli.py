"""The commands that bring saved models from store to store, and let old ones go."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from ..common.settings_file import FILE, VARIABLE
from .commands import TagArgument, reported

app = typer.Typer()


@app.command("export", short_help="Write a version as one file, an archive.")
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


@app.command("import", short_help="Bring the version in an archive into the store.")
def import_saved(
    file: Annotated[Path, typer.Argument(help="an archive that learnwire models export wrote")],
) -> None:
    """Bring the version in an archive into the store, whole or not at all.

    All of it is checked before anything is written, and nothing of it is run.
    """
    from ..models.travel import import_model

    with reported():
        print(import_model(file).tag)


@app.command(short_help="Ask a version's golden examples again.")
def replay(
    tag: TagArgument,
    isolated: Annotated[
        bool,
        typer.Option("--isolated", help="In a fresh environment with the libraries as at save."),
    ] = False,
    upgrade: Annotated[
        str, typer.Option(metavar="NAMES", help="libraries to be newer there, as fastai,torch")
    ] = "",
    learner: Annotated[
        bool, typer.Option("--learner", help="Ask the Learner, also where the model is sealed.")
    ] = False,
    allow_unpickling: Annotated[
        bool, typer.Option(help="Trust who made it: its code runs with your rights.")
    ] = False,
) -> None:
    """Ask a version's golden examples again, and say what is answered otherwise than at save.

    --isolated makes an environment by pip, which takes minutes, and removes it afterwards.
    --upgrade tells whether the model would survive newer libraries.
    """
    from ..models import isolation
    from ..models import replay as here

    names = [name.strip() for name in upgrade.split(",") if name.strip()]
    if names and not isolated:
        raise typer.BadParameter("--upgrade needs --isolated")
    with reported():
        if isolated:
            found = isolation.replay_isolated(
                tag, learner=learner, upgrade=names, allow_unpickling=allow_unpickling
            )
        else:
            found = here.replay(tag, learner=learner, allow_unpickling=allow_unpickling)
    print(f"{found.tag}, its {found.by} asked with {_versions(found.versions)}")
    if not found.differences:
        print(f"all {found.examples} golden examples are answered as at save")
        return
    print(*found.differences, sep="\n")
    raise typer.Exit(1)


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([hdw])", text)
    if found is None:
        raise typer.BadParameter(f"expected a number of hours, days or weeks, as 30d, got {text!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@app.command(short_help="Tell which old versions could go, or delete them.")
def prune(
    name: Annotated[str | None, typer.Argument(help="only the versions of this model")] = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help="keep so many of a model's newest versions")
    ] = None,
    older_than: Annotated[
        timedelta | None,
        typer.Option(parser=_age, metavar="AGE", help="only what was saved so long ago, as 30d"),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar=VARIABLE,
            metavar="FILE",
            show_default=f"{FILE}, if it is there",
            help="a settings file, whose models stay",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete them, rather than tell.")] = False,
) -> None:
    """Tell which old versions could go, and what that frees; --yes deletes them.

    The newest version of a model stays. So do those that a server of this machine serves, those
    that a settings file names, and those that a sealed version which stays was made of.
    """
    from ..common.settings_file import SettingsFile
    from ..common.shares import shares_of
    from ..models import pruning
    from .listing import size_text

    if keep is None and older_than is None:
        raise typer.BadParameter("say what is old: --keep 3, --older-than 30d, or both")
    with reported():
        file = SettingsFile.find(config)
        split = shares_of(file.serve.get("split", ""))
        verdicts = pruning.old_versions(
            name,
            keep=keep or 1,
            older_than=older_than or timedelta(),
            named=[*file.models, *split, *file.build.models],
        )
        for one in verdicts:
            if one.stays:
                print(f"keep    {one.tag}: {one.stays}")
        going = [one for one in verdicts if not one.stays]
        freed = 0
        for one in pruning.prune(going) if yes else going:
            print(f"{'deleted' if yes else 'delete'}  {one.tag}, {size_text(one.size)}")
            freed += one.size
    if not yes:
        end = "; --yes deletes them" if going else ""
        print(f"could go: {len(going)}, which frees {size_text(freed)}{end}")
    else:
        print(f"{size_text(freed)} are free")
