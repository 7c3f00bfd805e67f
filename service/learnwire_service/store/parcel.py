"""A version that travels, whole or sealed: its manifest, its files, and what they must be.

An archive and a remote store each give a parcel where they are read, and take one where they are
written; `receive` puts one on the disk. Nothing here unpickles.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from ..common.errors import (
    CorruptModel,
    InvalidTag,
    NotServable,
    VersionExists,
    plain,
)
from ..signature.training import TRAINING_FILE
from .manifest import (
    MANIFEST_FILE,
    SIGNATURE_FILE,
    AnyManifest,
    File,
    Manifest,
    Origin,
    parse_manifest,
)
from .private import read_file
from .store import ModelStore, Version
from .tag import Tag, new_tag, sealed_version

# What a sealed version is made of; all of it is data.
_DATA = re.compile(r"(recipe|golden)\.json|pieces\.model|(network|layers|head)\.onnx(\.data)?")
# Names that mean the same file on every system.
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_FILES = 1000
# Files have no places beyond 2**63.
_LARGEST_FILE = 2**60
# Of a manifest, a signature or a contract, which are read as a whole.
MOST_BYTES = 64 * 2**20
CHUNK = 2**20

# Gives the bytes of a file of the version, in pieces.
Read: TypeAlias = Callable[[str], Iterator[bytes]]
# Is told of so many bytes more that are done.
Told: TypeAlias = Callable[[int], object]


def is_data(file: str) -> bool:
    """Tell whether a file of that name belongs to what was sealed; none of these is a pickle."""
    return _DATA.fullmatch(file) is not None


@dataclass(frozen=True)
class Parcel:
    """A version on its way from one store to another.

    Attributes:
        written: the manifest's bytes.
        read: gives the bytes of one of `manifest.files`, in pieces; whoever takes them checks them.
        signature: the bytes of the version's signature; None where it has none.
        contract: the bytes of the model's `contract.json`; None where it has none.
    """

    written: bytes
    read: Read
    signature: bytes | None = None
    contract: bytes | None = None

    @classmethod
    def of(cls, version: Version) -> "Parcel":
        """Give a version of a store, whole.

        Raises:
            CorruptModel: its signature is a symlink.
        """
        path = version.directory / SIGNATURE_FILE
        signature = read_file(path) if path.exists() else None
        return cls(version.written, lambda name: _pieces(version.directory / name), signature)

    @cached_property
    def manifest(self) -> AnyManifest:
        """What is known of the version.

        Raises:
            CorruptModel: it does not read, or names files that no version has.
        """
        if len(self.written) > MOST_BYTES:
            raise CorruptModel(f"its {MANIFEST_FILE} has more than {MOST_BYTES} bytes")
        try:
            manifest = parse_manifest(self.written)
            new_tag(str(manifest.tag))
        except (ValueError, InvalidTag) as error:
            raise CorruptModel(f"its {MANIFEST_FILE} does not read: {plain(str(error))}") from error
        _check_files(manifest.files)
        return manifest

    @property
    def tag(self) -> Tag:
        """The version's full tag."""
        return self.manifest.tag

    @property
    def size(self) -> int:
        """The bytes of all that the version's folder will hold."""
        files = sum(file.size for file in self.manifest.files.values())
        return files + len(self.written) + len(self.signature or b"")

    def pieces(self, name: str) -> Iterator[bytes]:
        """Give the bytes of a file of the version, and check them on the way.

        Raises:
            CorruptModel: they are more, fewer or others than the manifest says.
        """
        wanted, digest, count = self.manifest.files[name], hashlib.sha256(), 0
        for piece in self.read(name):
            count += len(piece)
            if count > wanted.size:
                break
            digest.update(piece)
            yield piece
        if (count, digest.hexdigest()) != (wanted.size, wanted.sha256):
            raise CorruptModel(f"the file {name} of {self.tag} is not the one that was saved")

    def check(self, told: Told = lambda count: None) -> None:
        """Check all files of the version, and keep nothing.

        Raises:
            CorruptModel: one is not the one that was saved.
        """
        for name in self.manifest.files:
            for piece in self.pieces(name):
                told(len(piece))

    def sealed(self) -> "Parcel":
        """Give a copy without pickles, as a version with a manifest and a tag of its own.

        What has no pickles is given as it is. A copy has no signature; the same version gives
        the same copy each time.

        Raises:
            NotServable: it is not sealed, so without its Learner nothing would answer.
        """
        manifest = self.manifest
        if not isinstance(manifest, Manifest) or not manifest.is_sealed:
            raise NotServable(_unsealed(manifest))
        kept = {name: file for name, file in manifest.files.items() if _is_kept(name)}
        if kept == manifest.files:
            return self
        digest = hashlib.sha256(self.written).hexdigest()
        update: dict[str, Any] = {
            "version": sealed_version(manifest.version),
            "files": kept,
            "origin": Origin(tag=str(manifest.tag), sha256=digest),
        }
        copy = manifest.model_copy(update=update)
        return replace(self, written=copy.as_bytes(), signature=None)


def receive(parcel: Parcel, directory: Path, told: Told = lambda count: None) -> None:
    """Write the files of a version into an empty directory, the manifest last.

    Args:
        parcel: the version.
        directory: see `ModelStore.saving`.
        told: told of the bytes that are written.

    Raises:
        CorruptModel: a file is not the one that was saved.
        OSError: the disk refuses it.
    """
    for name in parcel.manifest.files:
        with (directory / name).open("xb") as file:
            for piece in parcel.pieces(name):
                file.write(piece)
                told(len(piece))
    if parcel.signature is not None:
        (directory / SIGNATURE_FILE).write_bytes(parcel.signature)
    (directory / MANIFEST_FILE).write_bytes(parcel.written)


def check_free(store: ModelStore, parcel: Parcel) -> None:
    """Check that a store has no version of a parcel's tag.

    Raises:
        VersionExists: it has; the message says whether it is the same.
        CorruptModel: what is there does not read.
    """
    there = store.exact(parcel.tag)
    if there is None:
        return
    if there.written == parcel.written:
        raise VersionExists(f"{parcel.tag} is there already, and is the same")
    raise VersionExists(
        f"another {parcel.tag} is there already; where this one is to take its place, delete it: "
        f"learnwire models delete {parcel.tag}"
    )


def _check_files(files: dict[str, File]) -> None:
    if len(files) > _MOST_FILES:
        raise CorruptModel(f"it has {len(files)} files, and a version has {_MOST_FILES} at most")
    known = {name: name for name in (MANIFEST_FILE, SIGNATURE_FILE)}
    for name, file in files.items():
        if not _NAME.fullmatch(name):
            raise CorruptModel(f"{name[:80]!a} is no name of a file in a version")
        if not 0 <= file.size <= _LARGEST_FILE or not _DIGEST.fullmatch(file.sha256):
            raise CorruptModel(f"its {MANIFEST_FILE} has no size or no digest of {name}")
        other = known.setdefault(name.lower(), name)
        if other != name:
            raise CorruptModel(f"the files {other} and {name} are one where case does not count")


def _is_kept(name: str) -> bool:
    return is_data(name) or name == TRAINING_FILE


def _unsealed(manifest: AnyManifest) -> str:
    if not isinstance(manifest, Manifest):
        return f"{manifest.tag} is a torch module, which cannot be sealed: let it travel whole"
    why = f" ({manifest.sealed.reason})" if manifest.sealed else ""
    return (
        f"{manifest.tag} is not sealed{why}, so without its Learner nothing would answer: let it "
        f"travel whole, or seal it: learnwire models seal {manifest.tag}"
    )


def _pieces(path: Path) -> Iterator[bytes]:
    if path.is_symlink() or not path.is_file():
        raise CorruptModel(f"{path} is no file")
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece
