"""Files that came from remote stores, kept by their digests: a cache that processes share.

A file is there whole or not at all, and is checked each time it is taken. Those that were not
asked for longest go first, once all are larger than they may be.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeAlias

from ..common.errors import CorruptModel, StoreFailed
from .disk import is_full
from .manifest import File
from .parcel import Told
from .private import PRIVATE_FILE, make_private, private_folder
from .staging import staged
from .store import CACHE_VARIABLE, default_cache

# Has what it is given take a file's bytes from the beginning, perhaps more than once.
Fetch: TypeAlias = Callable[[Callable[[Iterator[bytes]], None]], None]

_PIECE = 2**20
# Others may make room for theirs at any moment.
_TURNS = 3


def cache_of_remotes() -> Path:
    """Give the folder of what came from remote stores."""
    return default_cache() / "remote"


class Blobs:
    """The files in the folder of caches.

    Args:
        most: how many bytes they may have together.
    """

    def __init__(self, most: int) -> None:
        self.folder = cache_of_remotes()
        self._files = self.folder / "files"
        self._most = most

    def check_room(self, files: Iterable[File]) -> None:
        """Check that files have room, before any of them comes.

        Raises:
            StoreFailed: they have not, or the folder cannot be written to.
        """
        with self._told():
            private_folder(self.folder)
            make_private(self._files)
            needed = sum(file.size for file in files if not (self._files / file.sha256).exists())
            if needed > shutil.disk_usage(self.folder).free:
                raise OSError(errno.ENOSPC, f"{needed} bytes have no room")

    def pieces(self, file: File, fetch: Fetch) -> Iterator[bytes]:
        """Give the bytes of a file; whoever takes them checks them.

        Raises:
            CorruptModel: what was fetched is another.
            StoreFailed: the folder cannot be written to, or its disk is full.
        """
        for _ in range(_TURNS):
            self.bring(file, fetch)
            try:
                stream = (self._files / file.sha256).open("rb")
            except FileNotFoundError:
                continue
            with stream:
                while piece := stream.read(_PIECE):
                    yield piece
            return
        raise StoreFailed(f"files go from {self.folder} faster than they come: allow it more room")

    def bring(self, file: File, fetch: Fetch, told: Told = lambda count: None) -> None:
        """Have a file there.

        Args:
            file: what it is to be.
            fetch: fetches it, where it is not there.
            told: told of the bytes that come, or need not.

        Raises:
            CorruptModel: what was fetched is another.
            StoreFailed: the folder cannot be written to, or its disk is full.
        """
        path = self._files / file.sha256
        with self._told():
            private_folder(self.folder)
            make_private(self._files)
            if path.is_file() and not path.is_symlink() and File.of(path) == file:
                os.utime(path)
                told(file.size)
                return
        with self._staged() as directory:
            part = directory / file.sha256

            def take(blocks: Iterator[bytes]) -> None:
                self._write(part, blocks, told)

            fetch(take)
            with self._told():
                if File.of(part) != file:
                    raise CorruptModel(f"a file came whose digest is not {file.sha256}")
                part.chmod(PRIVATE_FILE)
                part.replace(path)

    def trim(self) -> None:
        """Remove what is too much, those that were not asked for longest first."""
        room = self._most
        with self._told():
            for path, found in sorted(self._found(), key=lambda one: -one[1].st_mtime):
                room -= found.st_size
                if room < 0:
                    path.unlink(missing_ok=True)

    def _found(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._files.glob("*"):
            try:
                yield path, path.stat()
            except FileNotFoundError:
                continue

    def _write(self, part: Path, blocks: Iterator[bytes], told: Told) -> None:
        with self._told():
            stream = part.open("wb")
        with stream:
            for block in blocks:
                with self._told():
                    stream.write(block)
                told(len(block))
            with self._told():
                stream.flush()

    @contextmanager
    def _staged(self) -> Iterator[Path]:
        """Give a folder that is gone afterwards; what is raised inside is not the disk's."""
        with ExitStack() as stack:
            with self._told():
                directory = stack.enter_context(staged(self.folder / "parts"))
            yield directory

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise what the disk refuses inside as an error of ours."""
        try:
            yield
        except OSError as error:
            if isinstance(error, StoreFailed):
                raise
            why = "is full" if is_full(self.folder, error) else "fails"
            raise StoreFailed(
                f"the disk of the cache {self.folder} {why} ({error}): make room there, or choose "
                f"another folder with {CACHE_VARIABLE}"
            ) from error
