"""Saving a trained Learner as a version of a model."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import cloudpickle

from .bounds import DEFAULT_BOUNDS
from .contracts.keeping import lock_of
from .environment import library_versions
from .errors import NotServable
from .logs import get_logger
from .models import CUSTOM_OBJECTS_FILE, LEARNER_FILE, Model, get_learner
from .signature import Signature, TabularInput
from .store.manifest import Compiled, File, Manifest, Notes
from .store.store import ModelStore
from .store.tag import Tag, new_tag
from .validation import check

if TYPE_CHECKING:
    from .learners.adapter import Adapter
    from .learners.golden import Golden
    from .learners.plan import Plan

_log = get_logger()

UnknownCategories = Literal["warn", "refuse"]


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
    adapter: str | None = None,
) -> Model:
    """Save a trained fastai Learner as a new version of a model.

    Usage: `save_model("penguins", learner, metadata={"accuracy": 0.99})`

    The Learner is exported and reloaded on the CPU; the reloaded copy answers golden
    examples, twice, and they are kept to check every later load against. The
    version appears in the store at once when all is done, or not at all.

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
        adapter: `package.module:Class` of the Adapter for a Learner that Learnwire
            does not serve as it is.

    Raises:
        NotServable: the Learner cannot be served; the message says the way out.
        InvalidInput: one of `examples` does not fit the Learner.
        InvalidTag: the name is malformed.
        VersionExists: that version is there already.
        TypeError: a label is no string, or `metadata` is no JSON data.
    """
    from .learners import export
    from .learners.kinds import adapter_class, adapter_name
    from .learners.servable import check_servable

    tag = new_tag(name)
    notes = Notes.of(labels, metadata)
    check_servable(learner)
    adapter = adapter or adapter_name(learner)
    make_adapter = adapter_class(adapter)
    signature = _adjusted(make_adapter(learner).signature, unknown_categories)
    with ModelStore().saving(tag) as directory:
        with export.pickled_by_value(external_modules):
            if custom_objects:
                pickled = cloudpickle.dumps(dict(custom_objects))
                (directory / CUSTOM_OBJECTS_FILE).write_bytes(pickled)
            export.export(learner, directory / LEARNER_FILE)
        reloaded = make_adapter(export.load(directory / LEARNER_FILE), signature)
        found = _keep_golden(reloaded, directory, examples)
        if not found:
            _log.warning(
                f"{tag} is saved unverified: it took no made-up example; pass examples=[...]"
            )
        Manifest(
            name=tag.name,
            version=str(tag.version),
            created=datetime.now(UTC),
            signature=signature,
            adapter=adapter,
            verified=bool(found),
            labels=notes.labels,
            metadata=notes.metadata,
            library_versions=library_versions(),
            compiled=_compiled(reloaded, found, directory) if found else None,
            files={path.name: File.of(path) for path in sorted(directory.iterdir())},
        ).write(directory)
    _lock_contract(tag)
    return get_learner(str(tag))


def _lock_contract(tag: Tag) -> None:
    """Give numbers and names to what is new in the model, and tell when its stubs are too old."""
    major = lock_of(ModelStore(), tag.name).major_of(str(tag.version))
    if major.reasons and major.names == (tag.version,):
        _log.warning(
            f"{tag} does not fit the stubs of {tag.name} and begins contract v{major.number}: "
            + "; ".join(major.reasons)
        )


def _adjusted(signature: Signature, unknown_categories: UnknownCategories) -> Signature:
    if not isinstance(signature.input, TabularInput):
        return signature
    spec = signature.input.model_copy(update={"unknown_categories": unknown_categories})
    return signature.model_copy(update={"input": spec})


def _compiled(adapter: "Adapter", examples: "list[Golden]", directory: Path) -> Compiled:
    from .learners.choice import choose
    from .learners.compiling import compile_network

    return compile_network(choose(adapter, examples).plan, examples, directory)


def _keep_golden(
    adapter: "Adapter", directory: Path, examples: Iterable[Any] | None
) -> "list[Golden]":
    """Keep what the reloaded Learner answers, and give it."""
    from .learners import golden
    from .learners.plan import SinglePlan

    plan, signature = SinglePlan(adapter), adapter.signature
    if examples is None:
        found = _made_up(plan, adapter)
    else:
        given = [
            check(signature.input, value, max_text_chars=DEFAULT_BOUNDS.max_text_chars).item
            for value in examples
        ]
        found = golden.ask_twice(plan, given)
    golden.write(found, directory)
    return found


def _made_up(plan: "Plan", adapter: "Adapter") -> "list[Golden]":
    """Keep those made-up examples that the Learner takes at all."""
    from .learners import golden

    found: list[Golden] = []
    for item in adapter.examples():
        try:
            found += golden.ask_twice(plan, [item])
        except NotServable:
            raise
        except Exception as error:  # noqa: BLE001 - a learner may raise anything
            _log.warning(f"the learner does not take a made-up example: {error!r}")
    return found
