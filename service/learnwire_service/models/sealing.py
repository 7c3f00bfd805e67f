"""Sealing a saved version, after the fact."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from ..common import memory
from ..common.environment import library_versions
from ..common.errors import NotServable
from ..common.stages import stages
from ..contracts.keeping import reserved
from ..sealed.golden import GOLDEN_FILE
from ..signature.training import TRAINING_FILE
from ..store.manifest import SEALED_FROM, File, Sealed
from ..store.store import ModelStore
from ..store.tag import Tag, new_tag
from ..trust.running import Trust
from .contracts import tell_contract
from .making import without_learner
from .model import CUSTOM_OBJECTS_FILE, LEARNER_FILE, Model, get_learner


@memory.loading()
def seal_model(tag: str, *, keep_learner: bool = True, allow_unpickling: bool = False) -> Model:
    """Make a sealed version of one that was saved before; that one stays as it is.

    Usage: `seal_model("penguins").tag`

    Args:
        tag: what is to be sealed.
        keep_learner: whether the new version keeps the Learner, which is a pickle.
        allow_unpickling: whether also a version is sealed that is not the user's own, which runs
            its code.

    Returns: the new version, which is the user's own where that one is; its label `sealed_from`
        names the other.

    Raises:
        ModelNotFound: there is none.
        InvalidTag: the tag is malformed, or the prefix fits several versions.
        UntrustedModel: it is not his own, and that is not allowed.
        NotServable: it is a torch module, was saved unverified, or does not seal; the message
            says why.
        LearnwireError: the version does not load; see `Model.load`.
    """
    from ..learners.sealing import seal

    model = get_learner(tag)
    check_sealable(model)
    adapter = model.load_adapter(trust=Trust(allow_unpickling))
    new, is_own = new_tag(model.manifest.name), model.version.is_own
    with ModelStore().saving(new, is_own=is_own) as directory, stages(2) as stage:
        stage(new.name, "sealing it")
        sealed = seal(adapter, model.examples(), directory)
        check_sealed(model, sealed)
        stage(new.name, "writing it down")
        copy_unsealed(model, directory)
        write_sealed(model, new, sealed, directory, keep_learner=keep_learner)
    tell_contract(new)
    return get_learner(str(new))


def check_sealable(model: Model) -> None:
    """Check that there is something to prove by what seals a version.

    Raises:
        NotServable: there is not.
    """
    if not model.manifest.verified:
        raise NotServable(
            f"{model.tag} was saved unverified, and nothing could prove what is sealed; save it "
            "again with examples=[...]"
        )


def check_sealed(model: Model, sealed: Sealed) -> None:
    """Check that a version did seal.

    Raises:
        NotServable: it did not; the message says why.
    """
    if sealed.plan is None:
        raise NotServable(f"{model.tag} does not seal: {sealed.reason}")


def copy_unsealed(model: Model, directory: Path) -> None:
    """Copy what a version has whether it is sealed or not.

    Raises:
        CorruptModel: a file was altered, perhaps since it was loaded.
    """
    for name in (LEARNER_FILE, CUSTOM_OBJECTS_FILE, GOLDEN_FILE, TRAINING_FILE):
        if name in model.manifest.files:
            shutil.copyfile(model.directory / name, directory / name)
            model.manifest.check_file(name, directory)


def write_sealed(
    model: Model, new: Tag, sealed: Sealed, directory: Path, *, keep_learner: bool
) -> None:
    """Write the manifest of a sealed version whose other files are in a directory."""
    if not keep_learner:
        without_learner(new, sealed, directory)
    created = datetime.now(UTC)
    update = {
        "version": str(new.version),
        "created": created,
        "contract": reserved(ModelStore(), new, created, model.signature),
        "labels": model.labels | {SEALED_FROM: model.tag},
        "library_versions": library_versions(),
        "sealed": sealed,
        "files": {path.name: File.of(path) for path in sorted(directory.iterdir())},
    }
    model.manifest.model_copy(update=update).write(directory)
