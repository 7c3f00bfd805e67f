"""The contracts of the models that are saved."""

from ..common.errors import InvalidTag
from ..common.logs import get_logger
from ..contracts.contract import Contract
from ..contracts.derive import derive
from ..contracts.diff import explain
from ..contracts.keeping import lock_of
from ..store.store import ModelStore
from ..store.tag import Tag
from .model import Model, get_learner, list_models

_log = get_logger()


def contracts_of(tag: str) -> list[Contract]:
    """Give the contract that a version speaks, or for a bare name all that its versions speak.

    Usage: `contracts_of("penguins")[-1].file`

    Raises:
        ModelNotFound: there is none.
        NotServable: it is a torch module.
        InvalidTag: the tag is malformed, or the prefix fits several versions.
    """
    newest = get_learner(tag).manifest
    # Before the lock is read, so that it knows all of them.
    learners = [model for model in list_models(newest.name) if isinstance(model, Model)]
    lock = lock_of(ModelStore(), newest.name)
    if Tag.parse(tag).version is not None:
        return [derive(lock, newest.version, newest.signature)]
    # Newest first, so that the newest of each contract comes to stay.
    contracts: dict[int, Contract] = {}
    for model in learners:
        number = lock.major_of(model.manifest.version).number
        contracts.setdefault(number, derive(lock, model.manifest.version, model.signature))
    return [contracts[number] for number in sorted(contracts)]


def difference(before: str, after: str) -> list[str]:
    """Say what becomes of the stubs made for one version when they meet another; see `explain`.

    Raises:
        ModelNotFound: one is not there.
        InvalidTag: a tag is malformed, or they are of two models.
    """
    old, new = get_learner(before).manifest, get_learner(after).manifest
    if old.name != new.name:
        raise InvalidTag(f"{old.tag} and {new.tag} are no versions of one model")
    return explain(lock_of(ModelStore(), old.name), old, new)


def tell_contract(tag: Tag) -> None:
    """Tell when a version began a contract, since the model's stubs are too old for it."""
    major = lock_of(ModelStore(), tag.name).major_of(str(tag.version))
    if major.reasons and major.names == (tag.version,):
        _log.warning(
            f"{tag} does not fit the stubs of {tag.name} and begins contract v{major.number}: "
            + "; ".join(major.reasons)
        )
