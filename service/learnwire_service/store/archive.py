"""An archive: one file that holds a version, and nothing else.

It is a tar file without compression, of which every byte follows from what it holds: no times, no
owners, one order. So the same version makes the same bytes, `tar` can unpack it where there is no
Learnwire, and to read one is to compare it with what would have been written. An entry that leads
elsewhere, is a link or a device, comes twice or unpacks to more than it says is then only one
thing: other bytes than are due.

    learnwire.json                      format, tag, and the digests of the next three
    penguins/contract.json              if the model has one
    penguins/k3fsbxj7fa/manifest.json   has the digests of all that follow
    penguins/k3fsbxj7fa/model.sig       if it is signed
    penguins/k3fsbxj7fa/...             the other files in the order of their names
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from ..common.errors import BadFile, CorruptModel, InvalidTag, plain
from .manifest import MANIFEST_FILE, SIGNATURE_FILE, File
from .parcel import CHUNK, MOST_BYTES, Parcel, Told
from .tag import Tag
from .tar import BLOCK, END, header_of, padding_of, size_in, told_of

INDEX_FILE = "learnwire.json"
CONTRACT_FILE = "contract.json"

_MOST_INDEX = 2**16


def _whole_tag(text: str) -> str:
    try:
        is_whole = Tag.parse(text).version is not None
    except InvalidTag:
        is_whole = False
    if not is_whole:
        raise ValueError(f"expected name:version, got {text[:80]!a}")
    return text


class Index(BaseModel):
    """What an archive begins with.

    Attributes:
        tag: the version's.
        manifest: the size and digest of its manifest.
        signature: of its signature; None where it has none.
        contract: of the model's `contract.json`; None where it has none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    tag: Annotated[str, AfterValidator(_whole_tag)]
    manifest: File
    signature: File | None
    contract: File | None

    @classmethod
    def of(cls, parcel: Parcel) -> "Index":
        """Give that of a version."""
        return cls(
            tag=str(parcel.tag),
            manifest=_described(parcel.written),
            signature=None if parcel.signature is None else _described(parcel.signature),
            contract=None if parcel.contract is None else _described(parcel.contract),
        )

    @property
    def written(self) -> bytes:
        """The index as it is written."""
        return self.model_dump_json(indent=2).encode() + b"\n"


def write_archive(parcel: Parcel, path: Path, told: Told = lambda count: None) -> None:
    """Write a version as an archive, which appears when it is whole.

    Args:
        parcel: the version.
        path: where no file is yet.
        told: told of the bytes of the version that are written.

    Raises:
        BadFile: there is a file, or it cannot be written.
        CorruptModel: a file of the version is not the one that was saved.
    """
    with _appearing(path) as file:
        _write(file, INDEX_FILE, Index.of(parcel).written)
        for name, data in (
            (CONTRACT_FILE, parcel.contract),
            (MANIFEST_FILE, parcel.written),
            (SIGNATURE_FILE, parcel.signature),
        ):
            if data is not None:
                _write(file, _path(parcel.tag, name), data)
        for name, known in sorted(parcel.manifest.files.items()):
            file.write(header_of(_path(parcel.tag, name), known.size))
            for piece in parcel.pieces(name):
                file.write(piece)
                told(len(piece))
            file.write(padding_of(known.size))
        file.write(END)


@contextmanager
def open_archive(path: Path) -> Iterator[Parcel]:
    """Give the version that an archive holds, for as long as the archive's file is open.

    All but the contents of the files is checked; see `Parcel.check` for these.

    Raises:
        BadFile: the file cannot be read.
        CorruptModel: it is no archive, or not as it was written.
    """
    with _opened(path) as file:
        try:
            parcel = _Reader(file).parcel()
        except CorruptModel as error:
            raise CorruptModel(f"{path} is refused: {error}") from error
        yield parcel


@dataclass(frozen=True)
class _Reader:
    """Reads an archive from its beginning, and takes nothing but what is due."""

    file: BinaryIO

    def parcel(self) -> Parcel:
        """Give what it holds, once all of its headers were found where they are due."""
        index = self._index()
        tag = Tag.parse(index.tag)
        contract = self._part(_path(tag, CONTRACT_FILE), index.contract)
        written = self._part(_path(tag, MANIFEST_FILE), index.manifest)
        signature = self._part(_path(tag, SIGNATURE_FILE), index.signature)
        places = dict[str, tuple[int, int]]()
        parcel = Parcel(
            written or b"", lambda name: self._pieces(*places[name]), signature, contract
        )
        if parcel.tag != tag:
            raise CorruptModel(f"its {INDEX_FILE} says that it is {tag}, its manifest {parcel.tag}")
        for name, known in sorted(parcel.manifest.files.items()):
            self._expect_header(_path(tag, name), known.size)
            places[name] = self.file.tell(), known.size
            self.file.seek(known.size, os.SEEK_CUR)
            self._expect_padding(known.size)
        self._expect_end()
        return parcel

    def _index(self) -> Index:
        header = self.file.read(BLOCK)
        size = size_in(header)
        if not 0 <= size <= _MOST_INDEX or header != header_of(INDEX_FILE, size):
            raise CorruptModel("it is no archive that learnwire models export wrote")
        data = self._whole(INDEX_FILE, size)
        try:
            index = Index.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise CorruptModel(
                f"its {INDEX_FILE} does not read ({plain(where) or 'no JSON'}: {first['msg']}); "
                "where a newer release wrote it, import it with that"
            ) from error
        if data != index.written:
            raise CorruptModel(f"its {INDEX_FILE} is not as it is written")
        return index

    def _part(self, path: str, known: File | None) -> bytes | None:
        if known is None:
            return None
        if not 0 <= known.size <= MOST_BYTES:
            raise CorruptModel(f"its {path} would have {known.size} bytes")
        self._expect_header(path, known.size)
        data = self._whole(path, known.size)
        if _described(data) != known:
            raise CorruptModel(f"its {path} is not the one that was written")
        return data

    def _whole(self, path: str, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) < size:
            raise _truncated(path)
        self._expect_padding(size)
        return data

    def _pieces(self, start: int, size: int) -> Iterator[bytes]:
        self.file.seek(start)
        while size and (piece := self.file.read(min(size, CHUNK))):
            size -= len(piece)
            yield piece

    def _expect_header(self, path: str, size: int) -> None:
        wanted = header_of(path, size)
        found = self.file.read(len(wanted))
        if found == wanted:
            return
        if len(found) < len(wanted):
            raise _truncated(path)
        raise CorruptModel(f"it has {told_of(found)} where {path} of {size} bytes is due")

    def _expect_padding(self, size: int) -> None:
        wanted = padding_of(size)
        found = self.file.read(len(wanted))
        if len(found) < len(wanted):
            raise CorruptModel("it ends too early, in the middle of a file")
        if found != wanted:
            raise CorruptModel("it has bytes between its files that do not belong there")

    def _expect_end(self) -> None:
        found = self.file.read(len(END) + 1)
        if len(found) < len(END) and not any(found):
            raise CorruptModel("it ends too early, after its last file")
        if found[: len(END)] != END:
            raise CorruptModel(f"it has {told_of(found[:BLOCK])} after its last file")
        if len(found) > len(END):
            raise CorruptModel("it has bytes after its end")


def _described(data: bytes) -> File:
    return File(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _path(tag: Tag, file: str) -> str:
    """Give where a file stands, as below the models of a store."""
    folder = tag.name if file == CONTRACT_FILE else f"{tag.name}/{tag.version}"
    return f"{folder}/{file}"


def _write(file: BinaryIO, name: str, data: bytes) -> None:
    file.write(header_of(name, len(data)) + data + padding_of(len(data)))


def _truncated(path: str) -> CorruptModel:
    return CorruptModel(f"it ends too early, at {path}")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    # A pipe would be waited for.
    if path.exists() and not path.is_file():
        raise BadFile(f"{path} is no file")
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that gets its name when all went well."""
    if os.path.lexists(path):
        raise BadFile(f"{path} is there already: remove it, or choose another name")
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        raise BadFile(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
