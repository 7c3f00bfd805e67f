"""Keeps the locks in the store, each beside the versions of its model."""

import hashlib
import json
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime

from filelock import FileLock
from pydantic import ValidationError

from ..common.errors import ContractClash, CorruptModel
from ..common.logs import get_logger
from ..signature.specs import Signature
from ..store.manifest import Manifest
from ..store.private import PRIVATE_FILE
from ..store.store import ModelStore
from ..store.tag import Tag
from .derive import derive
from .growth import grow
from .joining import joined
from .lock import Lock
from .names import package_name
from .share import share_of

LOCK_FILE = "contract.json"
_GUARD = "contracts.lock"

_log = get_logger()


def lock_of(store: ModelStore, name: str) -> Lock:
    """Give the lock of a model with all the versions that are saved, and keep it.

    A store that cannot be written to gives the same, and keeps nothing.

    Usage: `derive(lock_of(store, "penguins"), version, signature)`

    Raises:
        CorruptModel: what is kept does not read.
    """
    # Nearly always it is all there, and no other model's matters.
    for model, text in store.beside(LOCK_FILE, name).items():
        if _grown(store, lock := _read(model, text)) is lock:
            return lock
    lock, news = _read_all(store, name)
    if not news:
        return lock
    try:
        with FileLock(store.home / _GUARD, mode=PRIVATE_FILE):
            lock, news = _read_all(store, name)
            _keep(store, news)
    except OSError as error:
        _log.debug(f"the contract of {name} is not kept: {error}")
    return lock


def reserved(store: ModelStore, tag: Tag, created: datetime, signature: Signature) -> str:
    """Give a version that is being saved its names and numbers, and keep them.

    Returns: their digest, for its manifest.

    Raises:
        CorruptModel: what is kept does not read.
        OSError: the store cannot be written to.
    """
    with FileLock(store.home / _GUARD, mode=PRIVATE_FILE):
        lock, news = _read_all(store, tag.name)
        lock = grow(lock, str(tag.version), created.isoformat(), signature)
        _keep(store, [*(new for new in news if new.model != tag.name), lock])
    return _digest(lock, str(tag.version), signature)


def outgoing(store: ModelStore, version: str, copy: Manifest) -> bytes:
    """Give the `contract.json` that goes with a version, or with a copy of it under another name.

    Raises:
        CorruptModel: what is kept does not read.
    """
    lock = lock_of(store, copy.name)
    if copy.version != version:
        lock = _with_copy(lock, version, copy.version)
    return _text(lock).encode()


def accept(store: ModelStore, manifest: Manifest, contract: bytes | None) -> None:
    """Bring the names and numbers of a version that comes from elsewhere to those here; keep all.

    Args:
        store: where it comes to.
        manifest: the version's.
        contract: the `contract.json` that came with it, if one did.

    Raises:
        ContractClash: it contradicts the one here, or a model here has its package.
        CorruptModel: it does not read, does not fit the version, or what is kept does not read.
        OSError: the store cannot be written to.
    """
    tag, created = manifest.tag, manifest.created.isoformat()
    there = None if contract is None else _read(tag.name, contract)
    with FileLock(store.home / _GUARD, mode=PRIVATE_FILE):
        is_known = bool(store.beside(LOCK_FILE, tag.name) or store.versions(tag.name))
        lock, news = _read_all(store, tag.name)
        if there is not None:
            lock = joined(lock, there) if is_known else _adopted(store, there)
        if not any(str(tag.version) in major.names for major in lock.majors):
            lock = grow(lock, str(tag.version), created, manifest.signature)
        _check_share(lock, manifest)
        _keep(store, [*(new for new in news if new.model != tag.name), lock])


def _with_copy(lock: Lock, version: str, copy: str) -> Lock:
    """Let a copy of a version speak the contract that the version speaks."""
    major = lock.major_of(version)
    known = next(one for one in major.versions if one.version == version)
    versions = [one for one in major.versions if one.version != copy]
    versions.append(known.model_copy(update={"version": copy}))
    grown = major.model_copy(update={"versions": tuple(versions)})
    majors = [grown if one is major else one for one in lock.majors]
    return lock.model_copy(update={"majors": tuple(majors)})


def _adopted(store: ModelStore, lock: Lock) -> Lock:
    """Take the lock of a model that is new here.

    Raises:
        CorruptModel: its package is none that is ever given.
        ContractClash: another model here has it.
    """
    if package_name(lock.package, []) != lock.package:
        raise CorruptModel(f"{LOCK_FILE} of the model {lock.model} names no package of a contract")
    for model, text in store.beside(LOCK_FILE).items():
        with suppress(CorruptModel):
            if package_name(lock.package, [_read(model, text).package]) != lock.package:
                raise ContractClash(
                    f"the contract of {lock.model} has the package {lock.package}, which here is "
                    f"that of the model {model}"
                )
    return lock


def _check_share(lock: Lock, manifest: Manifest) -> None:
    """Check that a version has the names and numbers that it was saved with, and that they serve.

    Raises:
        CorruptModel: the contract that came with it does not fit it.
        ContractClash: it was saved with others.
    """
    try:
        derive(lock, manifest.version, manifest.signature)
        digest = _digest(lock, manifest.version, manifest.signature)
    except (KeyError, ValueError) as error:
        raise CorruptModel(
            f"the {LOCK_FILE} that comes with {manifest.tag} does not fit it"
        ) from error
    if manifest.contract and digest != manifest.contract:
        raise ContractClash(
            f"{manifest.tag} was saved with other names or numbers than the {LOCK_FILE} that "
            f"comes with it, or the one of {manifest.name} here, gives it"
        )


def disagreement(store: ModelStore, manifest: Manifest) -> str:
    """Say that a version's names or numbers are others than when it was saved; "" if they are not.

    Raises:
        CorruptModel: what is kept does not read.
    """
    lock = lock_of(store, manifest.name)
    if not manifest.contract:
        return ""
    if _digest(lock, manifest.version, manifest.signature) == manifest.contract:
        return ""
    return (
        f"{LOCK_FILE} beside the versions of {manifest.name} gives other names or numbers than "
        f"{manifest.tag} was saved with: put back the {LOCK_FILE} of the store that it comes from"
    )


def _digest(lock: Lock, version: str, signature: Signature) -> str:
    text = json.dumps(share_of(lock, version, signature), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _keep(store: ModelStore, news: list[Lock]) -> None:
    for new in news:
        store.put_beside(new.model, LOCK_FILE, _text(new))


def _text(lock: Lock) -> str:
    return lock.model_dump_json(indent=2) + "\n"


def _read_all(store: ModelStore, name: str) -> tuple[Lock, list[Lock]]:
    """Give a model's lock, and the locks that are to be kept: its own, if it has grown.

    Models that were saved before there were locks get theirs all together, since two of
    them must not be given the same package.
    """
    kept = store.beside(LOCK_FILE)
    locks: dict[str, Lock] = {}
    for model, text in kept.items():
        with _alone(model, name):
            locks[model] = _read(model, text)
    news: list[Lock] = []
    for model in sorted({*store.names(), name}):
        if model == name or model not in kept:
            with _alone(model, name):
                packages = [lock.package for lock in locks.values()]
                lock = locks.get(model) or Lock(model=model, package=package_name(model, packages))
                grown = _grown(store, lock)
                if grown != locks.get(model):
                    news.append(grown)
                locks[model] = grown
    return locks[name], news


def _alone(model: str, name: str) -> AbstractContextManager[None]:
    """Let what is wrong with one model be no reason not to serve another."""
    return nullcontext() if model == name else suppress(CorruptModel)


def _read(name: str, kept: bytes) -> Lock:
    try:
        lock = Lock.model_validate_json(kept)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise CorruptModel(f"{LOCK_FILE} of the model {name} does not read: {why}") from error
    if lock.model != name:
        raise CorruptModel(f"{LOCK_FILE} of the model {name} is that of {lock.model}")
    return lock


def _grown(store: ModelStore, lock: Lock) -> Lock:
    """Add the Learners' versions that the lock does not know, in the order of their creation."""
    known = {(one.version, one.created) for major in lock.majors for one in major.versions}
    for version in reversed(store.versions(lock.model)):
        manifest = version.manifest
        created = manifest.created.isoformat()
        if isinstance(manifest, Manifest) and (manifest.version, created) not in known:
            lock = grow(lock, manifest.version, created, manifest.signature)
    return lock
