"""Saving a trained Learner as a version of a model."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_args

from ..common import memory
from ..common.choices import Nulls, UnknownCategories
from ..common.environment import library_versions
from ..common.errors import blamed
from ..common.habits import habits
from ..common.logs import get_logger
from ..common.stages import stages
from ..contracts.keeping import reserved
from ..signature.nulls import refusal
from ..signature.privacy import exposed
from ..signature.specs import Signature
from ..store.manifest import File, Manifest, Notes
from ..store.store import ModelStore
from ..store.tag import Tag, new_tag
from .contracts import tell_contract
from .making import Made, described, make, training
from .model import Model, get_learner

if TYPE_CHECKING:
    from ..learners.adapter import Adapter

_log = get_logger()


@habits(
    signatures="calls of a Learner's predict share batches by themselves; signatures= belongs to "
    "save_torch_model",
)
@memory.loading()
def save_model(
    name: str,
    learner: Any,
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    external_modules: Iterable[ModuleType] = (),
    examples: Iterable[Any] | None = None,
    unknown_categories: UnknownCategories = "warn",
    nulls: Nulls = "refuse",
    private: Iterable[str] = (),
    adapter: "str | type[Adapter] | None" = None,
    keep_learner: bool = True,
) -> Model:
    """Save a trained fastai Learner as a new version of a model.

    Usage: `save_model("penguins", learner, metadata={"accuracy": 0.99})`

    The Learner is exported and reloaded on the CPU; the reloaded copy answers golden
    examples, twice, and they are kept to check every later load against. What
    answers is sealed: written down as a recipe and a network, which are served without
    fastai and torch. Where it does not seal, the Learner itself will answer, and the log
    says why. The version appears in the store at once when all is done, or not at all.

    With `examples=[]`, or an adapter that makes up none, the version is saved
    unverified, and served only where that is allowed: see `Model.to_runner`.

    Args:
        name: the model's name, or `name:version` to choose the version.
        learner: the Learner; it stays as it was.
        labels: free strings to find the model by.
        metadata: free JSON data about the model.
        custom_objects: objects to keep with the model, by name (pickled).
        external_modules: modules to write into the export, so that they need not
            be installed where the model is loaded.
        examples: inputs for the golden examples; made up from the Learner's
            transforms where not given.
        unknown_categories: what to do with a category not seen at training:
            go the Learner's own way with a warning, or refuse the row.
        nulls: what to do with a null in a category where training had none, or where
            that is unknown, since an exported Learner comes without its data: refuse
            the row, or allow it and go the Learner's own way with a warning.
        private: columns of which callers are not told what stood there at training: no
            categories, no usual range; of the column of the labels no classes, but for that of
            an answer. Who holds the store can read them all the same.
        adapter: for a Learner that Learnwire does not serve as it is, the class of its
            Adapter, or `package.module:Class`. Whoever loads the model imports it.
        keep_learner: whether the version keeps the Learner, which is a pickle, beside what
            seals it; without it, `load_model` and a later sealing are not possible.

    Raises:
        NotServable: the Learner cannot be served, or it or its adapter raised something; the
            message says the way out; or it does not seal, and was not to be kept; or it has
            no column that is to be private.
        UnloadableModel: the adapter cannot be imported.
        InvalidInput: one of `examples` does not fit the Learner.
        InvalidTag: the name is malformed.
        VersionExists: that version is there already.
        StoreFailed: the store cannot be written to, or its disk is full.
        TypeError: a label is no string, or `metadata` is no JSON data.
        ValueError: `unknown_categories` or `nulls` is none of its choices.
    """
    from ..learners.adapter import path_of

    adapter = None if adapter is None else path_of(adapter)
    _check_choice("unknown_categories", unknown_categories, get_args(UnknownCategories))
    _check_choice("nulls", nulls, get_args(Nulls))
    tag = new_tag(name)
    notes = Notes.of(labels, metadata)
    hidden = [private] if isinstance(private, str) else list(private)
    with blamed("the examples cannot be read"):
        given = None if examples is None else list(examples)
    adapter, live = described(learner, adapter, given, unknown_categories, nulls, hidden)
    with ModelStore().saving(tag) as directory, stages(4) as stage:
        made = make(
            tag,
            adapter,
            live,
            directory,
            stage,
            given=given,
            custom_objects=custom_objects,
            external_modules=external_modules,
            keep_learner=keep_learner,
        )
        stage(tag.name, "writing it down")
        training(live, made.sealed, directory).write(directory)
        write_down(tag, made, notes, directory)
    return published(tag, made.signature)


def write_down(tag: Tag, made: Made, notes: Notes, directory: Path) -> None:
    """Write the manifest of a version whose other files are in a directory."""
    created = datetime.now(UTC)
    Manifest(
        name=tag.name,
        version=str(tag.version),
        created=created,
        **dict(made),
        contract=reserved(ModelStore(), tag, created, made.signature),
        labels=notes.labels,
        metadata=notes.metadata,
        library_versions=library_versions(),
        files={path.name: File.of(path) for path in sorted(directory.iterdir())},
    ).write(directory)


def published(tag: Tag, signature: Signature) -> Model:
    """Tell what is to be known of a version that is new in the store, and give it."""
    if problem := refusal(signature.input):
        _log.warning(f"{tag} {problem}")
    for sentence in exposed(signature.input):
        _log.warning(f"{tag}: {sentence}")
    tell_contract(tag)
    return get_learner(str(tag))


def _check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        names = " or ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"{option} is {names}, got {value!r}")
