"""Saved versions go from store to store, in archives or by whatever else carries a parcel."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..common.logs import get_logger
from ..common.moving import moving
from ..contracts import keeping
from ..store.archive import open_archive, write_archive
from ..store.disk import check_room
from ..store.manifest import Manifest
from ..store.parcel import Parcel, Told, check_free, receive
from ..store.store import ModelStore
from ..store.tag import Tag
from .contracts import tell_contract
from .model import get

_log = get_logger()


def export_model(tag: str, file: str | os.PathLike[str], *, sealed: bool = False) -> str:
    """Write a saved version as one file, an archive; the same version makes the same bytes.

    Usage: `export_model("penguins", "penguins.tar", sealed=True)`

    Args:
        tag: the version's.
        file: where no file is yet.
        sealed: whether pickles are left out: the archive then holds a version of its own, whose
            manifest names the one that it was made of. It is not signed.

    Returns: the tag of the version in the archive.

    Raises:
        ModelNotFound: there is none.
        InvalidTag: the tag is malformed, or the prefix fits several versions.
        NotServable: it is not sealed, and its Learner was to be left out.
        CorruptModel: a file of the version is missing or was altered.
        BadFile: the archive's file is there, or cannot be written.
    """
    parcel = outgoing(tag, sealed=sealed)
    with moving(f"exporting {parcel.tag}", parcel.size) as told:
        write_archive(parcel, Path(file), told)
    return str(parcel.tag)


def import_model(file: str | os.PathLike[str]) -> Any:
    """Bring the version that an archive holds into the store, whole or not at all.

    Usage: `import_model("penguins.tar").tag`

    All of it is checked before anything is written, and nothing is unpickled. It does not count as
    the user's own, so its own code runs only where that is allowed; a sealed version has none.

    Returns: a Model, or a TorchModel where it is of a torch module.

    Raises:
        BadFile: the file cannot be read.
        CorruptModel: it is no archive, or not as it was written.
        VersionExists: the store has that version already.
        ContractClash: the model's contract there contradicts the one here; the message says where.
        StoreFailed: the store cannot be written to, or its disk has no room.
    """
    with open_archive(Path(file)) as parcel:
        check_free(ModelStore(), parcel)
        with moving(f"checking {parcel.tag}", parcel.size) as told:
            parcel.check(told)
        with moving(f"importing {parcel.tag}", parcel.size) as told:
            return incoming(parcel, told)


def outgoing(tag: str, *, sealed: bool = False) -> Parcel:
    """Give a saved version to be carried elsewhere; see `export_model`."""
    store = ModelStore()
    version = store.find(Tag.parse(tag))
    whole = Parcel.of(version)
    parcel = whole.sealed() if sealed else whole
    if whole.signature is not None and parcel.signature is None:
        _log.warning(
            f"the signature of {whole.tag} does not cover {parcel.tag}, which has a manifest of "
            f"its own: sign it where it arrives, learnwire models sign {parcel.tag}"
        )
    manifest = parcel.manifest
    if not isinstance(manifest, Manifest):
        return parcel
    contract = keeping.outgoing(store, version.manifest.version, manifest)
    return replace(parcel, contract=contract)


def incoming(parcel: Parcel, told: Told = lambda count: None) -> Any:
    """Save a version that comes from elsewhere, whole or not at all; see `import_model`.

    Args:
        parcel: the version.
        told: told of the bytes that are written.
    """
    store = ModelStore()
    check_free(store, parcel)
    with store.saving(parcel.tag, is_own=False) as directory:
        check_room(store.home, directory, parcel.size)
        receive(parcel, directory, told)
        if isinstance(parcel.manifest, Manifest):
            keeping.accept(store, parcel.manifest, parcel.contract)
    if isinstance(parcel.manifest, Manifest):
        tell_contract(parcel.tag)
    return get(str(parcel.tag))
