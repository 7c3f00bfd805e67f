"""Making a version's files of a Learner: its export, golden examples, and what seals it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cloudpickle
from pydantic import BaseModel, ConfigDict

from ..common.choices import Nulls, UnknownCategories
from ..common.errors import NotServable, blamed
from ..common.logs import get_logger
from ..common.stages import Stage
from ..signature.nulls import with_nulls
from ..signature.privacy import with_private
from ..signature.specs import Signature, TabularInput
from ..signature.training import Training
from ..store.manifest import Sealed
from ..store.tag import Tag
from .model import CUSTOM_OBJECTS_FILE, LEARNER_FILE

if TYPE_CHECKING:
    from ..learners.adapter import Adapter
    from ..sealed.golden import Golden

_log = get_logger()


class Made(BaseModel):
    """What is known of a version whose files are there; see Manifest for each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signature: Signature
    adapter: str
    oracle: str
    verified: bool
    sealed: Sealed


def described(
    learner: Any,
    adapter: str | None,
    given: list[Any] | None,
    unknown_categories: UnknownCategories,
    nulls: Nulls,
    private: list[str],
) -> "tuple[str, Adapter]":
    """Give the name of a Learner's adapter, and the adapter with its signature; see `save_model`.

    Raises:
        NotServable: the Learner cannot be served, or it or its adapter raised something.
        UnloadableModel: the adapter cannot be imported.
    """
    from ..learners.kinds import adapter_name, describing
    from ..learners.servable import check_servable

    with blamed("the learner cannot be described"):
        check_servable(learner)
        adapter = adapter or adapter_name(learner, given or ())
    with blamed(f"the adapter {adapter} cannot describe the learner"):
        live = describing(adapter, learner, given or ())
        live.signature = _adjusted(live, unknown_categories, nulls, private)
    return adapter, live


def make(
    tag: Tag,
    adapter: str,
    live: "Adapter",
    directory: Path,
    stage: Stage,
    *,
    given: list[Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    external_modules: Iterable[ModuleType] = (),
    keep_learner: bool = True,
) -> Made:
    """Write the files of a version into a directory, all but its manifest; see `save_model`.

    Args:
        tag: the version's.
        adapter: the name of the Learner's adapter.
        live: that adapter, before the Learner; see `described`.
        directory: where the files go.
        stage: told of three stages.
        given: inputs for the golden examples, if any were given.
        custom_objects: see `save_model`; so the others.
        external_modules: see there.
        keep_learner: see there.
    """
    from ..learners import export
    from ..learners.kinds import adapter_class
    from ..learners.proving import golden_examples
    from ..sealed import golden

    stage(tag.name, "exporting the Learner")
    with export.pickled_by_value(external_modules):
        if custom_objects:
            with blamed("custom_objects cannot be pickled"):
                pickled = cloudpickle.dumps(dict(custom_objects))
            (directory / CUSTOM_OBJECTS_FILE).write_bytes(pickled)
        export.export(live.learner, directory / LEARNER_FILE)
    with blamed(f"the adapter {adapter} fails on the learner that was exported"):
        learner = export.load(directory / LEARNER_FILE)
        reloaded = adapter_class(adapter)(learner, live.signature)
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
    return Made(
        signature=live.signature,
        adapter=adapter,
        oracle=getattr(live, "oracle", f"{adapter}.ask(item)"),
        verified=bool(found),
        sealed=sealed,
    )


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


def training(live: "Adapter", sealed: Sealed, directory: Path) -> Training:
    """Tell what the training looked like of a Learner whose version's files are in a directory."""
    from ..learners.training import training_of
    from ..sealed.loading import sealed_plan
    from ..sealed.recipe import read_recipe

    plan = None
    if sealed.plan is not None:
        plan = sealed_plan(live.signature, read_recipe(directory), directory)
    return training_of(live, plan)


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
