"""The files of a remote store: read, written and listed within limits of time, tried again."""

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..common.errors import CorruptModel, RemoteFailed, in_a_line
from .address import Address
from .calls import Calls
from .private import check_no_links

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# What goes over the wire at once.
BLOCK_BYTES = 8 * 2**20
# How many small files are read at a time.
_AT_ONCE = 16

_T = TypeVar("_T")


class Transport:
    """The files of a remote store, by their paths below its address.

    Every method raises RemoteFailed where the store cannot be reached, refuses or hangs, and
    ToolMissing where a package is not installed; both name no password.
    """

    def __init__(self, address: Address) -> None:
        self.address, self._calls = address, Calls(address)

    @cached_property
    def _opened(self) -> "tuple[AbstractFileSystem, str]":
        return self._calls.tried(self.address.open)

    @property
    def _fs(self) -> "AbstractFileSystem":
        return self._opened[0]

    @cached_property
    def _is_atomic(self) -> bool:
        """Whether what is written appears at once and whole, as in stores of objects."""
        from fsspec.asyn import AsyncFileSystem

        return isinstance(self._fs, AsyncFileSystem)

    def folders(self, path: str = "") -> list[str]:
        """List the names of the folders in one; none where it is not there."""
        self._fs.invalidate_cache()
        try:
            found = self._calls.tried(lambda: self._fs.ls(self._place(path), detail=True))
        except FileNotFoundError:
            return []
        names = (one["name"].rstrip("/").rpartition("/")[2] for one in found if _is_folder(one))
        return sorted({name for name in names if name})

    def size(self, path: str) -> int | None:
        """Give the bytes of a file; None where it is not there."""
        self._fs.invalidate_cache()
        try:
            found = self._calls.tried(lambda: self._fs.info(self._place(path)))
        except FileNotFoundError:
            return None
        return found["size"] if found["type"] == "file" else None

    def read(self, path: str, most: int) -> bytes | None:
        """Read a small file; None where it is not there.

        Raises:
            CorruptModel: it has more bytes than `most`.
        """
        try:
            return self.take(path, most, b"".join)
        except FileNotFoundError:
            return None

    def read_all(self, paths: Sequence[str], most: int) -> list[bytes | CorruptModel | None]:
        """Read small files, several at a time, and give why one is none; see `read`."""

        def read(path: str) -> bytes | CorruptModel | None:
            try:
                return self.read(path, most)
            except CorruptModel as error:
                return error

        if not paths or not self._opened:
            return []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(read, paths))

    def take(self, path: str, most: int, how: Callable[[Iterator[bytes]], _T]) -> _T:
        """Read a file, again where that may help.

        Args:
            path: where it is.
            most: how many bytes it may have.
            how: takes its bytes from the beginning, block by block.

        Raises:
            FileNotFoundError: it is not there.
            CorruptModel: it has more bytes than `most`, or is no file.
        """
        return self._calls.tried_whole(lambda: how(self._blocks(path, most)))

    def _blocks(self, path: str, most: int) -> Iterator[bytes]:
        """Read a file block by block; see `take`."""
        place, count = self._place(path), 0
        stream = self._calls.ask(lambda: self._opened_to_read(place))
        try:
            while block := self._calls.ask(lambda: stream.read(min(BLOCK_BYTES, most + 1 - count))):
                if (count := count + len(block)) > most:
                    raise CorruptModel(
                        f"{self.address}/{path} has more than the {most} bytes that it may have"
                    )
                yield block
        finally:
            with suppress(Exception):
                stream.close()

    def write(self, path: str, blocks: Callable[[], Iterable[bytes]]) -> None:
        """Write a file, which appears whole; what fails is tried again.

        Args:
            path: where.
            blocks: gives its bytes from the beginning; what it raises leaves no file.
        """
        place = self._place(path)

        def write() -> None:
            if self._is_atomic:
                self._write(place, blocks())
                return
            self._make_parent(place)
            part = _part_of(place)
            try:
                self._write(part, blocks())
                self._calls.ask(lambda: self._fs.mv(part, place))
            except BaseException:
                with suppress(Exception):
                    self._calls.ask(lambda: self._fs.rm_file(part))
                raise

        with self._there_told():
            self._calls.tried_whole(write)

    def create(self, path: str, data: bytes) -> None:
        """Write a small file that is not to be there yet.

        Of several writers one succeeds, where the store can see to that.

        Raises:
            FileExistsError: it is there.
        """
        place = self._place(path)

        def create() -> None:
            if self._is_atomic:
                self._fs.pipe_file(place, data, mode="create")
                return
            self._make_parent(place)
            part = _part_of(place)
            try:
                self._fs.pipe_file(part, data)
                self._name(part, place)
            except OSError as error:
                # SSH servers say only that they failed.
                if self._fs.exists(place):
                    raise FileExistsError(place) from error
                raise
            finally:
                with suppress(Exception):
                    self._fs.rm_file(part)

        with self._there_told():
            self._calls.tried(create)

    def _name(self, part: str, place: str) -> None:
        """Give a whole file its name, unless one is there: nobody sees half of it."""
        if "sftp" in self._fs.protocol:
            self._fs.ftp.rename(part, place)
            return
        with suppress(OSError, NotImplementedError):
            if self._is_local:
                os.link(part, place)
                return
        # What cannot link only sees to it that one wins.
        with self._fs.open(place, "xb") as stream:
            stream.write(self._fs.cat_file(part))

    @contextmanager
    def _there_told(self) -> Iterator[None]:
        """Say of what is to be written to that it is not there."""
        try:
            yield
        except FileNotFoundError as error:
            said = self.address.hidden(in_a_line(error))
            raise RemoteFailed(
                f"{self.address} is not there to be written to ({said}): mend the address, or make "
                "the bucket"
            ) from None

    def _write(self, place: str, blocks: Iterable[bytes]) -> None:
        stream = self._calls.ask(lambda: self._fs.open(place, "wb", block_size=BLOCK_BYTES))
        try:
            for block in blocks:
                self._calls.ask(lambda block=block: stream.write(block))  # type: ignore[misc]  # its own
            self._calls.ask(stream.close)
        except BaseException:
            self._give_up(stream)
            raise

    def _give_up(self, stream: Any) -> None:
        """Close a file that is written no further; in a store of objects nothing appears."""
        with suppress(Exception):
            if self._is_atomic:
                # Its close would have what is there so far appear.
                stream.closed = True
                self._calls.ask(stream.discard)
            else:
                self._calls.ask(stream.close)

    def _opened_to_read(self, place: str) -> Any:
        if not self.address.lists:
            # Not all web servers give parts of files.
            return self._fs.open(place, "rb", block_size=0)
        if (found := self._fs.info(place))["type"] != "file" or found.get("islink"):
            raise CorruptModel(f"{place} is no file: a folder, a link or a device")
        return self._fs.open(place, "rb", block_size=BLOCK_BYTES, cache_type="none")

    def _make_parent(self, place: str) -> None:
        self._fs.makedirs(place.rpartition("/")[0], exist_ok=True)

    def _place(self, path: str) -> str:
        root = self._opened[1]
        if self._is_local:
            # What others share may lead elsewhere.
            parts = [Path(root, path), *Path(root, path).parents]
            check_no_links(*(part for part in parts if part != Path(root) and root in str(part)))
        return f"{root}/{path}" if path else root

    @cached_property
    def _is_local(self) -> bool:
        from fsspec.implementations.local import LocalFileSystem

        return isinstance(self._fs, LocalFileSystem)


def _is_folder(found: dict[str, Any]) -> bool:
    return found["type"] == "directory" and not found.get("islink")


def _part_of(place: str) -> str:
    """Give where a file is until it is whole."""
    return f"{place}.{secrets.token_hex(4)}.part"
