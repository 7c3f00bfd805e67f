"""A remote store: versions that several people share, each whole or not there.

    index.json                                 the models' names, for stores that do not list
    penguins/index.json                        the versions' names, likewise
    penguins/k3fsbxj7fa/<digest>               each file, by its SHA-256
    penguins/k3fsbxj7fa/<digest>.sig           what signs the manifest of that digest
    penguins/k3fsbxj7fa/<digest>.contract.json the model's contract at the push of that manifest
    penguins/k3fsbxj7fa/manifest.json          written last, and once

No file but an index and a signature is ever written with other bytes than it has, so pushers never
harm each other: of several versions with one tag the one counts whose manifest came first.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from pydantic import BaseModel, ConfigDict, ValidationError

from ..common.errors import (
    CorruptModel,
    InvalidTag,
    NotInStore,
    RemoteFailed,
    VersionExists,
)
from .address import Address
from .blobs import Blobs, Fetch
from .manifest import MANIFEST_FILE, AnyManifest, File
from .parcel import MOST_BYTES, Parcel, Told
from .store import lacking
from .tag import Tag, new_tag, pick_version
from .transport import Transport

INDEX_FILE = "index.json"
SIGNATURE_SUFFIX, CONTRACT_SUFFIX = ".sig", ".contract.json"

_MOST_INDEX = 4 * 2**20
# How often an index is written anew where others push at the same time.
_MOST_TURNS = 10


class _Index(BaseModel):
    """What a folder holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folders: list[str]


class Remote:
    """The store at an address, such as `s3://bucket/models`.

    Every method raises RemoteFailed where it cannot be reached, refuses or hangs.

    Usage: `Remote("s3://bucket/models", Blobs(2**30)).find(Tag("penguins"))`

    Args:
        address: where it is.
        blobs: where the files go that are fetched from it.
    """

    def __init__(self, address: str, blobs: Blobs) -> None:
        self.address, self._blobs = Address(address), blobs
        self._transport = Transport(self.address)

    def __str__(self) -> str:
        """Tell where it is, without a password."""
        return str(self.address)

    def names(self) -> list[str]:
        """List the models' names in order."""
        return [name for name in self._folders() if _is_tag(name)]

    def readable(self, name: str) -> tuple[list[AnyManifest], list[CorruptModel]]:
        """List the versions of a model that read, newest first, and why the others do not.

        A version whose push has not ended is not there yet.
        """
        tags = [Tag(name, one) for one in self._folders(name) if _is_tag(name, one)]
        paths = [_path(tag, MANIFEST_FILE) for tag in tags]
        found, broken = list[AnyManifest](), list[CorruptModel]()
        for tag, written in zip(tags, self._transport.read_all(paths, MOST_BYTES), strict=True):
            if isinstance(written, CorruptModel):
                broken.append(written)
                continue
            if written is None or not _is_whole(written):
                continue
            try:
                found.append(self._parcel(tag, written).manifest)
            except CorruptModel as error:
                broken.append(error)
        return sorted(found, key=_age, reverse=True), broken

    def find(self, tag: Tag) -> Parcel:
        """Find the version that a tag means, as in a store of this machine.

        Raises:
            ModelNotFound: there is none.
            InvalidTag: the tag's prefix fits several versions.
            CorruptModel: it is not as it was pushed.
        """
        if tag.version is not None and (exact := self._exact(tag)):
            return exact
        versions, broken = self.readable(tag.name)
        if broken:
            raise broken[0]
        if not versions:
            raise self.lacks(tag.name)
        version = pick_version(tag, [one.version for one in versions])
        if (found := self._exact(Tag(tag.name, version))) is None:
            raise NotInStore(f"{tag.name}:{version} has just been removed from {self}")
        return found

    def fetch(self, parcel: Parcel, told: Told = lambda count: None) -> None:
        """Have the files of a version on this machine; those that are there are not sent again.

        Args:
            parcel: the version, as `find` gives it.
            told: told of the bytes that come, or need not.

        Raises:
            CorruptModel: a file is not there, or not the one that was pushed.
            StoreFailed: they have no room.
        """
        files = {file.sha256: file for file in parcel.manifest.files.values()}.values()
        self._blobs.check_room(files)
        with self._refused(parcel.tag):
            for file in files:
                self._blobs.bring(file, self._fetching(parcel, file), told)

    def _fetching(self, parcel: Parcel, file: File) -> Fetch:
        def fetch(take: Callable[[Iterator[bytes]], None]) -> None:
            try:
                self._transport.take(_path(parcel.tag, file.sha256), file.size, take)
            except FileNotFoundError as error:
                raise CorruptModel("a file is not there: push it again") from error

        return fetch

    @contextmanager
    def _refused(self, tag: Tag) -> Iterator[None]:
        """Say of what is found to be corrupt which version it is of."""
        try:
            yield
        except CorruptModel as error:
            raise CorruptModel(f"{tag} in {self} is refused: {error}") from error

    def push(self, parcel: Parcel, told: Told = lambda count: None) -> bool:
        """Put a version there; what is there of it already is not sent again.

        Args:
            parcel: the version.
            told: told of the bytes that are sent, or need not be.

        Returns: whether it was not there yet.

        Raises:
            VersionExists: there is another version of that tag, or another pusher was first.
            CorruptModel: a file is not the one that was saved.
        """
        tag = parcel.tag
        new = self._check_free(parcel)
        for name, file in parcel.manifest.files.items():
            self._send(_path(tag, file.sha256), file.size, partial(parcel.pieces, name), told)
        signature, contract = _besides(parcel)
        if parcel.signature is not None:
            self._write(signature, parcel.signature)
        if parcel.contract is not None and self._transport.size(contract) is None:
            self._write(contract, parcel.contract)
        if new:
            self._publish(parcel)
        for folder in (tag.name, ""):
            self._write_index(folder)
        return new

    def _send(
        self, path: str, size: int, pieces: Callable[[], Iterator[bytes]], told: Told
    ) -> None:
        """Write a file, unless it is there; its name is its digest, so its size tells."""
        if self._transport.size(path) == size:
            told(size)
        else:
            self._transport.write(path, lambda: _counted(pieces(), told))

    def _write(self, path: str, data: bytes) -> None:
        self._transport.write(path, lambda: [data])

    def _publish(self, parcel: Parcel) -> None:
        path = _path(parcel.tag, MANIFEST_FILE)
        try:
            self._transport.create(path, parcel.written)
        except FileExistsError:
            there = self._transport.read(path, MOST_BYTES) or b""
            if not _is_whole(there) and parcel.written.startswith(there):
                # A push of the same broke off while it wrote this.
                self._write(path, parcel.written)
        # Where the store does not see to it that one wins, the last one does.
        self._check_free(parcel)

    def _check_free(self, parcel: Parcel) -> bool:
        """Tell whether a version is not there yet.

        Raises:
            VersionExists: there is another of that tag.
        """
        there = self._transport.read(_path(parcel.tag, MANIFEST_FILE), MOST_BYTES)
        if there is None or (not _is_whole(there) and parcel.written.startswith(there)):
            return True
        if there == parcel.written:
            return False
        raise VersionExists(
            f"{self} has another {parcel.tag} already: give yours a version of its own"
        )

    def _exact(self, tag: Tag) -> Parcel | None:
        written = self._transport.read(_path(tag, MANIFEST_FILE), MOST_BYTES)
        if written is None:
            return None
        if not _is_whole(written):
            raise CorruptModel(
                f"{tag} is not whole in {self}: its push goes on, or broke off; push it again"
            )
        return self._with_besides(self._parcel(tag, written))

    def _parcel(self, tag: Tag, written: bytes) -> Parcel:
        """Give a version whose manifest was read there.

        Raises:
            CorruptModel: the manifest does not read, or is another's.
        """

        def read(name: str) -> Iterator[bytes]:
            file = parcel.manifest.files[name]
            yield from self._blobs.pieces(file, self._fetching(parcel, file))

        parcel = Parcel(written, read)
        with self._refused(tag):
            found = parcel.tag
        if found != tag:
            raise CorruptModel(f"what lies in {self} as {tag} says that it is {found}")
        return parcel

    def _with_besides(self, parcel: Parcel) -> Parcel:
        """Give a version with its signature and its contract."""
        signature, contract = (self._transport.read(one, MOST_BYTES) for one in _besides(parcel))
        return Parcel(parcel.written, parcel.read, signature, contract)

    def lacks(self, name: str) -> NotInStore:
        """Give the error that a model is not there, which tells what is."""
        if names := self.names():
            return NotInStore(lacking(name, names, str(self)))
        return NotInStore(
            f'there is no model "{name}" in {self}, nor any other: nothing was pushed there, or '
            "the address is wrong"
        )

    def _folders(self, path: str = "") -> list[str]:
        """List what is in a folder; a web server has an index of it."""
        if self.address.lists:
            return self._transport.folders(path)
        if (written := self._transport.read(_joined(path, INDEX_FILE), _MOST_INDEX)) is None:
            return []
        try:
            return _Index.model_validate_json(written).folders
        except ValidationError as error:
            raise RemoteFailed(f"{INDEX_FILE} of {self} does not read") from error

    def _write_index(self, path: str) -> None:
        """Write what a folder holds, until that is what it does hold.

        Who writes last looks again after it, so whoever else pushes is in it.
        """
        before = None
        for _ in range(_MOST_TURNS):
            if (folders := self._folders(path)) == before:
                return
            index = _Index(folders=folders).model_dump_json(indent=2).encode() + b"\n"
            self._write(_joined(path, INDEX_FILE), index)
            before = folders


def _joined(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file


def _path(tag: Tag, file: str) -> str:
    return f"{tag.name}/{tag.version}/{file}"


def _besides(parcel: Parcel) -> list[str]:
    """Give where a version's signature and its contract are."""
    digest = hashlib.sha256(parcel.written).hexdigest()
    return [_path(parcel.tag, digest + one) for one in (SIGNATURE_SUFFIX, CONTRACT_SUFFIX)]


def _is_tag(name: str, version: str | None = None) -> bool:
    try:
        return bool(new_tag(name if version is None else f"{name}:{version}"))
    except InvalidTag:
        return False


def _is_whole(written: bytes) -> bool:
    """Tell whether a manifest has been written to its end."""
    try:
        json.loads(written)
    except (ValueError, RecursionError):
        return False
    return True


def _counted(pieces: Iterable[bytes], told: Told) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        told(len(piece))


def _age(manifest: AnyManifest) -> tuple[datetime, str]:
    return manifest.created, manifest.version
