"""Saving a trained Learner as a version of a model."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_args

import cloudpickle

from ..common.environment import library_versions
from ..common.errors import NotServable, blamed
from ..common.habits import habits
from ..common.logs import get_logger
from ..common.settings import Nulls, UnknownCategories
from ..common.stages import stages
from ..contracts.keeping import lock_of
from ..signature.nulls import refusal, with_nulls
from ..signature.privacy import exposed, with_private
from ..signature.specs import Signature, TabularInput
from ..store.manifest import File, Manifest, Notes, Sealed
from ..store.store import ModelStore
from ..store.tag import Tag, new_tag
from .model import CUSTOM_OBJECTS_FILE, LEARNER_FILE, Model, get_learner

if TYPE_CHECKING:
    from ..learners.adapter import Adapter
    from ..sealed.golden import Golden

_log = get_logger()


@habits(
    signatures="calls of a Learner's predict share batches by themselves; signatures= belongs to "
    "save_torch_model",
)
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
    from ..learners import export
    from ..learners.adapter import path_of
    from ..learners.kinds import adapter_class, adapter_name, describing
    from ..learners.proving import golden_examples
    from ..learners.servable import check_servable
    from ..sealed import golden

    adapter = None if adapter is None else path_of(adapter)
    _check_choice("unknown_categories", unknown_categories, get_args(UnknownCategories))
    _check_choice("nulls", nulls, get_args(Nulls))
    tag = new_tag(name)
    notes = Notes.of(labels, metadata)
    hidden = [private] if isinstance(private, str) else list(private)
    with blamed("the learner cannot be described"):
        check_servable(learner)
        given = None if examples is None else list(examples)
        adapter = adapter or adapter_name(learner, given or ())
    make_adapter = adapter_class(adapter)
    with blamed(f"the adapter {adapter} cannot describe the learner"):
        live = describing(adapter, learner, given or ())
        signature = live.signature = _adjusted(live, unknown_categories, nulls, hidden)
    with ModelStore().saving(tag) as directory, stages(4) as stage:
        stage(tag.name, "exporting the Learner")
        with export.pickled_by_value(external_modules):
            if custom_objects:
                with blamed("custom_objects cannot be pickled"):
                    pickled = cloudpickle.dumps(dict(custom_objects))
                (directory / CUSTOM_OBJECTS_FILE).write_bytes(pickled)
            export.export(learner, directory / LEARNER_FILE)
        with blamed(f"the adapter {adapter} fails on the learner that was exported"):
            reloaded = make_adapter(export.load(directory / LEARNER_FILE), signature)
        stage(tag.name, "asking it for examples")
        found = golden_examples(live, reloaded, given)
        golden.write(found, directory)
        if not found:
            _log.warning(
                f"{tag} is saved unverified: there was no example to answer; it is served only "
                "with --allow-unverified; save it again with examples=[...]"
            )
        stage(tag.name, "sealing it")
        sealed = _sealed(tag, reloaded, found, directory, keep_learner=keep_learner)
        stage(tag.name, "writing it down")
        Manifest(
            name=tag.name,
            version=str(tag.version),
            created=datetime.now(UTC),
            signature=signature,
            adapter=adapter,
            oracle=getattr(live, "oracle", f"{adapter}.ask(item)"),
            verified=bool(found),
            labels=notes.labels,
            metadata=notes.metadata,
            library_versions=library_versions(),
            sealed=sealed,
            files={path.name: File.of(path) for path in sorted(directory.iterdir())},
        ).write(directory)
    if problem := refusal(signature.input):
        _log.warning(f"{tag} {problem}")
    for sentence in exposed(signature.input):
        _log.warning(f"{tag}: {sentence}")
    lock_contract(tag)
    return get_learner(str(tag))


def lock_contract(tag: Tag) -> None:
    """Give numbers and names to what is new in the model, and tell when its stubs are too old."""
    major = lock_of(ModelStore(), tag.name).major_of(str(tag.version))
    if major.reasons and major.names == (tag.version,):
        _log.warning(
            f"{tag} does not fit the stubs of {tag.name} and begins contract v{major.number}: "
            + "; ".join(major.reasons)
        )


def _check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        names = " or ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"{option} is {names}, got {value!r}")


def _adjusted(
    live: "Adapter",
    unknown_categories: UnknownCategories,
    nulls: Nulls,
    private: list[str],
) -> Signature:
    signature = live.signature
    if not isinstance(signature, Signature):
        raise NotServable(f"it describes it by a {type(signature).__name__}, and no lw.Signature")
    signature = with_private(signature, private, _label_column(live.learner))
    if not isinstance(signature.input, TabularInput):
        return signature
    spec = with_nulls(signature.input, nulls)
    spec = spec.model_copy(update={"unknown_categories": unknown_categories})
    return signature.model_copy(update={"input": spec})


def _label_column(learner: Any) -> str | None:
    """Give the column that a table's learner learnt to tell, where it is one."""
    names = getattr(getattr(learner, "dls", None), "y_names", None) or ()
    names = [names] if isinstance(names, str) else list(names)
    return names[0] if len(names) == 1 else None


def _sealed(
    tag: Tag,
    adapter: "Adapter",
    examples: "list[Golden]",
    directory: Path,
    *,
    keep_learner: bool,
) -> Sealed:
    from ..learners.sealing import seal

    sealed = seal(adapter, examples, directory)
    if not keep_learner:
        without_learner(tag, sealed, directory)
    if sealed.plan is None:
        _tell_unsealed(tag, sealed.reason, adapter, examples)
    return sealed


def _tell_unsealed(tag: Tag, why: str, adapter: "Adapter", examples: "list[Golden]") -> None:
    from ..learners.choice import choose
    from ..learners.plan import SinglePlan
    from ..learners.steady import check_suspect

    if not examples:
        return
    choice = choose(adapter, examples)
    if choice.reasons:
        check_suspect(SinglePlan(adapter), examples)
    for reason in (f"sealed: {why}", *choice.reasons):
        _log.warning(f"{tag} will be served by the slower plan {choice.plan.name}: {reason}")


def without_learner(tag: Tag, sealed: Sealed, directory: Path) -> None:
    """Take a Learner out of the directory of a version that is sealed.

    Raises:
        NotServable: it is not.
    """
    if sealed.plan is None:
        raise NotServable(f"{tag} needs its Learner, since it does not seal: {sealed.reason}")
    (directory / LEARNER_FILE).unlink()
