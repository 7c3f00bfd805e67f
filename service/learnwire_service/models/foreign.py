"""Saving and sealing what may come from anybody: it is unpickled in a jail, and proven outside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..common.choices import Nulls, UnknownCategories
from ..common.errors import CodeStopped, LearnwireError, NotServable, plain
from ..common.stages import stages
from ..learners.kinds import is_built_in
from ..sealed.golden import GOLDEN_FILE
from ..signature.specs import Signature
from ..signature.training import EXPORTED, Training
from ..store.manifest import Notes, Sealed
from ..store.parcel import is_data
from ..store.store import ModelStore
from ..store.tag import new_tag
from ..trust.jail import Jail, jailed
from ..trust.rights import Limits
from .contracts import tell_contract
from .making import Made
from .model import LEARNER_FILE, Model, get_learner
from .saving import published, write_down
from .sealing import (
    check_sealable,
    check_sealed,
    copy_unsealed,
    write_sealed,
)

_CELL = f"{__package__}.confined"
_USUAL = Limits()

T = TypeVar("T", bound=BaseModel)


def save_export(
    name: str,
    export: Path,
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    unknown_categories: UnknownCategories = "warn",
    nulls: Nulls = "refuse",
    private: Sequence[str] = (),
    limits: Limits = _USUAL,
) -> Model:
    """Save what `learner.export()` wrote as `save_model` does, without letting its code harm.

    Usage: `save_export("penguins", Path("export.pkl"))`

    The file is unpickled, asked and sealed by a process without rights. What that leaves is
    checked, and where it is sealed, proven by another process, which unpickles nothing.

    Args:
        name: see `save_model`; so the others.
        export: the file.
        labels: see there.
        metadata: see there.
        unknown_categories: see there.
        nulls: see there.
        private: see there.
        limits: what the processes may take together.

    Raises:
        CodeStopped: code of the learner took more than it may, or died.
        NotServable: see `save_model`; or the kernel cannot take rights away.
        LearnwireError: see `save_model`.
    """
    tag, notes = new_tag(name), Notes.of(labels, metadata)
    order = {
        "task": "save",
        "tag": str(tag),
        "export": str(export.resolve()),
        "unknown_categories": unknown_categories,
        "nulls": nulls,
        "private": list(private),
    }
    store = ModelStore()
    with store.saving(tag, is_own=False) as directory, stages(7) as stage:
        with jailed(directory, limits, [store.home]) as jail:
            order["out"] = str(jail.out)
            made = _read(Made, jail.run(_CELL, order, stage, [export.resolve()]))
            _check_made(made)
            jail.take(lambda file: file == LEARNER_FILE or is_data(file), directory)
            _check_there(directory, LEARNER_FILE, GOLDEN_FILE)
            if made.sealed.plan is None:
                _remove_recipe(directory)
            stage(tag.name, "proving what was sealed")
            sealed = _proven(made.sealed, made.signature, directory, jail)
        stage(tag.name, "writing it down")
        Training.unknown(made.signature, EXPORTED).write(directory)
        write_down(tag, made.model_copy(update={"sealed": sealed}), notes, directory)
    return published(tag, made.signature)


def seal_foreign(tag: str, *, keep_learner: bool = True, limits: Limits = _USUAL) -> Model:
    """Seal a saved version as `seal_model` does, without letting its code harm; see `save_export`.

    Usage: `seal_foreign("penguins").tag`
    """
    model = get_learner(tag)
    check_sealable(model)
    new, version = new_tag(model.manifest.name), model.directory.resolve()
    store = ModelStore()
    with store.saving(new, is_own=model.version.is_own) as directory, stages(4) as stage:
        with jailed(directory, limits, [store.home]) as jail:
            order = {"task": "seal", "version": str(version), "out": str(jail.out)}
            sealed = _read(Sealed, jail.run(_CELL, order, stage, [version]))
            check_sealed(model, sealed)
            jail.take(lambda file: file != GOLDEN_FILE and is_data(file), directory)
            copy_unsealed(model, directory)
            stage(new.name, "proving what was sealed")
            sealed = _proven(sealed, model.signature, directory, jail)
        stage(new.name, "writing it down")
        write_sealed(model, new, sealed, directory, keep_learner=keep_learner)
    tell_contract(new)
    return get_learner(str(new))


def _unheard(name: str, doing: str) -> None:
    """Pass over the stages of what has none."""


def _read(kind: type[T], said: str) -> T:
    try:
        return kind.model_validate_json(said)
    except ValidationError as error:
        raise CodeStopped("the process that read it said what nobody understands") from error


def _check_made(made: Made) -> None:
    if not is_built_in(made.adapter):
        raise CodeStopped("it names an adapter that is none of Learnwire's own")


def _check_there(directory: Path, *files: str) -> None:
    for file in files:
        if not (directory / file).is_file():
            raise CodeStopped(f"it left no {file}")


def _remove_recipe(directory: Path) -> None:
    """Remove what a sealer wrote before it found out that the learner does not seal."""
    for path in directory.iterdir():
        if is_data(path.name) and path.name != GOLDEN_FILE:
            path.unlink()


def _proven(sealed: Sealed, signature: Signature, directory: Path, jail: Jail) -> Sealed:
    """Let another process answer the golden examples by what was sealed; give what that says."""
    if sealed.plan is None:
        return sealed.model_copy(update={"reason": plain(sealed.reason), "proof": None})
    order = {
        "task": "prove",
        "version": str(directory),
        "signature": signature.model_dump_json(),
    }
    try:
        return _read(Sealed, jail.run(_CELL, order, _unheard, [directory]))
    except LearnwireError as error:
        raise NotServable(f"what was made of it does not answer as it did: {error}") from error
