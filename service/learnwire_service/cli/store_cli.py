"""The commands that look after the store.

What a command needs is imported when it runs: most need neither gRPC nor torch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..common.choices import Nulls, UnknownCategories
from .commands import TagArgument, reported
from .contract import contract_app
from .sharing import app as sharing_app
from .signing import app as signing_app
from .travel_cli import app as travel_app

if TYPE_CHECKING:
    from ..models.model import Model
    from ..store.manifest import AnyManifest
    from ..trust.rights import Limits

AllowUnpickling = Annotated[
    bool, typer.Option(help="Trust who made it: its code runs with your rights.")
]
MaxSeconds = Annotated[float, typer.Option(min=1, help="how long it may take, before it is ended")]
MaxMemory = Annotated[
    float, typer.Option(min=0.1, help="how many GiB it may take, beside the libraries")
]

Unknown = Annotated[
    UnknownCategories,
    typer.Option("--unknown-categories", help="a category that training did not have"),
]
NullsOption = Annotated[
    Nulls, typer.Option("--nulls", help="null in a category, of which an export does not know")
]
Private = Annotated[
    list[str] | None,
    typer.Option(
        "--private",
        metavar="COLUMN",
        help="tell no caller what training had there; may be repeated",
    ),
]

app = typer.Typer()
models_app = typer.Typer(no_args_is_help=True, help="Look after the saved models.")
models_app.add_typer(travel_app)
models_app.add_typer(sharing_app)
models_app.add_typer(signing_app)
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
    unknown_categories: Unknown = "warn",
    nulls: NullsOption = "refuse",
    private: Private = None,
    allow_unpickling: AllowUnpickling = False,
    max_seconds: MaxSeconds = 900,
    max_memory: MaxMemory = 8,
) -> None:
    """Save an exported Learner as a new version of a model.

    Exports are pickles, which may run code: it is read without the network, other processes and
    your files. Exports come without the training data, so whether that had nulls in a category is
    unknown: such nulls are refused, unless you know better and allow them.
    """
    from ..store.manifest import Notes

    labels = dict(_pair("--label", one) for one in label or ())
    pairs = (_pair("--metadata", one) for one in metadata or ())
    known = {key: _json_or_text(value) for key, value in pairs}
    with reported(TypeError):
        Notes.of(labels, known)

    options: dict[str, Any] = {
        "labels": labels,
        "metadata": known,
        "unknown_categories": unknown_categories,
        "nulls": nulls,
        "private": private or (),
    }
    with reported():
        if allow_unpickling:
            model = _save_here(name, export, options)
        else:
            model = _save_jailed(name, export, options, _limits(max_seconds, max_memory))
    print(model.tag)


@app.command()
def import_bentoml(
    folder: Annotated[
        Path, typer.Argument(help="of a version, as ~/bentoml/models/NAME/VERSION, with model.yaml")
    ],
    name: Annotated[
        str, typer.Option(help="name, or name:version, of the model here; else those that it has")
    ] = "",
    unknown_categories: Unknown = "warn",
    nulls: NullsOption = "refuse",
    private: Private = None,
    allow_unpickling: AllowUnpickling = False,
    max_seconds: MaxSeconds = 900,
    max_memory: MaxMemory = 8,
) -> None:
    """Save a Learner from BentoML's store, with its labels and metadata.

    It is a pickle, and read as learnwire save reads one: without the network, other processes and
    your files.
    """
    from ..models.bentoml import BentoModel

    with reported(TypeError):
        found = BentoModel.read(folder)
        options: dict[str, Any] = {
            "labels": found.labels,
            "metadata": found.metadata,
            "unknown_categories": unknown_categories,
            "nulls": nulls,
            "private": private or (),
        }
        if allow_unpickling:
            model = _save_here(name or found.tag, found.export, options)
        else:
            limits = _limits(max_seconds, max_memory)
            model = _save_jailed(name or found.tag, found.export, options, limits)
    print(model.tag)


def _save_jailed(name: str, export: Path, options: Mapping[str, Any], limits: "Limits") -> "Model":
    from ..models.foreign import save_export

    return save_export(name, export, limits=limits, **options)


def _save_here(name: str, export: Path, options: Mapping[str, Any]) -> "Model":
    from ..common.stages import stages

    with stages(1) as stage:
        stage(name, f"loading {export.name}")
        from ..learners.export import load
        from ..models.saving import save_model

        learner = load(export)
    return save_model(name, learner, **options)


def _limits(max_seconds: float, max_memory: float) -> "Limits":
    from ..trust.rights import Limits

    return Limits(seconds=max_seconds, memory=int(max_memory * 2**30))


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
    remote: Annotated[
        str | None,
        typer.Option(metavar="URL", help="those of a store that others share: s3://bucket/models"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """List the saved models, newest version first."""
    from .listing import Listed, lines

    with reported():
        manifests, emptiness = _saved(name) if remote is None else _shared(name, remote)
    listed = [Listed.of(manifest) for manifest in manifests]
    if as_json:
        print(json.dumps([asdict(one) for one in listed], indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(listed)) if listed else emptiness)


def _saved(name: str | None) -> "tuple[list[AnyManifest], str]":
    from ..models.model import list_models
    from ..store.store import ModelStore

    store = ModelStore()
    models = list_models(name)
    if not models and name is not None:
        raise store.lacks(name)
    return [model.manifest for model in models], f"No models are saved yet: {store.emptiness()}"


def _shared(name: str | None, remote: str) -> "tuple[list[AnyManifest], str]":
    from ..models.sharing import list_remote

    return list_remote(remote, name), "No models are there yet."


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
    allow_unpickling: AllowUnpickling = False,
    max_seconds: MaxSeconds = 900,
    max_memory: MaxMemory = 8,
) -> None:
    """Make a sealed version of a saved model, which is served without fastai and torch.

    Its Learner is a pickle, which may run code: it is read without the network, other processes
    and your files.
    """
    with reported():
        if allow_unpickling:
            from ..models.sealing import seal_model

            model = seal_model(
                tag, keep_learner=not without_learner, allow_unpickling=allow_unpickling
            )
        else:
            from ..models.foreign import seal_foreign

            limits = _limits(max_seconds, max_memory)
            model = seal_foreign(tag, keep_learner=not without_learner, limits=limits)
        print(model.tag)


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
            store.remove(one)
            print(one)


def _versions(count: int) -> str:
    return "the only version" if count == 1 else f"all {count} versions"
