"""Keeps the locks in the store, each beside the versions of its model."""

from filelock import FileLock
from pydantic import ValidationError

from ..errors import CorruptModel
from ..logs import get_logger
from ..store.store import ModelStore
from .growth import grow
from .lock import Lock
from .names import package_name

LOCK_FILE = "contract.json"

_log = get_logger()


def lock_of(store: ModelStore, name: str) -> Lock:
    """Give the lock of a model with all the versions that are saved, and keep it.

    A store that cannot be written to gives the same, and keeps nothing.

    Usage: `derive(lock_of(store, "penguins"), version, signature)`

    Raises:
        CorruptModel: what is kept does not read.
    """
    kept = _locks(store)
    lock = _grown(store, name, kept)
    if lock == kept.get(name):
        return lock
    try:
        with FileLock(store.home / "contracts.lock"):
            lock = _grown(store, name, _locks(store))
            store.put_beside(name, LOCK_FILE, lock.model_dump_json(indent=2) + "\n")
    except OSError as error:
        _log.debug(f"the contract of {name} is not kept: {error}")
    return lock


def _locks(store: ModelStore) -> dict[str, Lock]:
    return {name: _read(name, kept) for name, kept in store.beside(LOCK_FILE).items()}


def _read(name: str, kept: bytes) -> Lock:
    try:
        return Lock.model_validate_json(kept)
    except ValidationError as error:
        raise CorruptModel(f"{LOCK_FILE} of the model {name} does not read") from error


def _grown(store: ModelStore, name: str, kept: dict[str, Lock]) -> Lock:
    """Add the versions that the lock does not know, in the order in which they were created."""
    lock = kept.get(name) or Lock(model=name, package=_new_package(store, name, kept))
    known = {(one.version, one.created) for major in lock.majors for one in major.versions}
    for version in reversed(store.versions(name)):
        manifest = version.manifest
        created = manifest.created.isoformat()
        if (manifest.version, created) not in known:
            lock = grow(lock, manifest.version, created, manifest.signature)
    return lock


def _new_package(store: ModelStore, name: str, kept: dict[str, Lock]) -> str:
    """Name a model's package, and before it those of other models that have no lock yet."""
    packages = {lock.model: lock.package for lock in kept.values()}
    for other in sorted({*store.names(), name}):
        if other not in packages and other <= name:
            packages[other] = package_name(other, packages.values())
    return packages[name]
