"""The commands that look after the store.

What a command needs is imported when it runs: most need neither gRPC nor torch.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..common.settings import Nulls, UnknownCategories
from .commands import TagArgument, reported
from .contract import contract_app

app = typer.Typer()
models_app = typer.Typer(no_args_is_help=True, help="Look after the saved models.")
app.add_typer(models_app, name="models")
app.add_typer(contract_app, name="contract")


@app.command()
def save(
    name: Annotated[str, typer.Argument(help="name, or name:version")],
    export: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="a file from learner.export")
    ],
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="a string to find the model by; may be repeated"),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="what is to be known of the model: JSON, else a string; may be repeated",
        ),
    ] = None,
    unknown_categories: Annotated[
        UnknownCategories, typer.Option(help="a category that training did not have")
    ] = "warn",
    nulls: Annotated[
        Nulls, typer.Option(help="null in a category, of which an export does not know")
    ] = "refuse",
    private: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="tell no caller what training had there; may be repeated"
        ),
    ] = None,
) -> None:
    """Save an exported Learner as a new version of a model.

    Exports are pickles: save only what you trust. They come without the training data, so
    whether that had nulls in a category is unknown: such nulls are refused, unless you know
    better and allow them.
    """
    from ..store.manifest import Notes

    labels = dict(_pair("--label", one) for one in label or ())
    pairs = (_pair("--metadata", one) for one in metadata or ())
    known = {key: _json_or_text(value) for key, value in pairs}
    with reported(TypeError):
        Notes.of(labels, known)

    from ..common.stages import stages

    with reported():
        with stages(1) as stage:
            stage(name, f"loading {export.name}")
            from ..learners.export import load
            from ..models.saving import save_model

            learner = load(export)
        model = save_model(
            name,
            learner,
            labels=labels,
            metadata=known,
            unknown_categories=unknown_categories,
            nulls=nulls,
            private=private or (),
        )
    print(model.tag)


def _pair(option: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"{option}: expected KEY=VALUE, got {text!r}")
    return key, value


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@models_app.command("list")
def list_saved(
    name: Annotated[str | None, typer.Argument(help="only the versions of this model")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """List the saved models, newest version first."""
    from ..models.model import list_models
    from ..store.store import ModelStore
    from .listing import Listed, lines

    store = ModelStore()
    with reported():
        models = list_models(name)
        if not models and name is not None:
            raise store.lacks(name)
    listed = [Listed.of(model.manifest) for model in models]
    if as_json:
        print(json.dumps([asdict(one) for one in listed], indent=2, ensure_ascii=False))
    elif listed:
        print("\n".join(lines(listed)))
    else:
        print(f"No models are saved yet: {store.emptiness()}")


@models_app.command()
def show(
    tag: TagArgument,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Show what a model takes and answers, and where it comes from."""
    from learnwire_client.page import as_text

    from ..models.model import get
    from ..store.page import manifest_page

    with reported():
        model = get(tag)
    if as_json:
        print(model.manifest.public.model_dump_json(indent=2))
    else:
        print(as_text(manifest_page(model.manifest)))


@models_app.command()
def seal(
    tag: TagArgument,
    without_learner: Annotated[
        bool, typer.Option("--without-learner", help="Leave the Learner, a pickle, out.")
    ] = False,
) -> None:
    """Make a sealed version of a saved model, which is served without fastai and torch."""
    from ..models.sealing import seal_model

    with reported():
        print(seal_model(tag, keep_learner=not without_learner).tag)


@models_app.command()
def delete(
    tag: TagArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a version, or all versions of a bare name; say how many before."""
    from ..store.store import ModelStore
    from ..store.tag import Tag

    store = ModelStore()
    with reported():
        found = store.meant(Tag.parse(tag))
        what = f"{_versions(len(found))} of {tag}" if ":" not in tag else str(found[0])
        if yes:
            typer.echo(f"deleting {what}", err=True)
        else:
            typer.confirm(f"Delete {what}?", abort=True)
        # Those and no others: one that was saved meanwhile stays.
        for one in found:
            print(*store.delete(one))


def _versions(count: int) -> str:
    return "the only version" if count == 1 else f"all {count} versions"
