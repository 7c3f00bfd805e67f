"""Files that are read again when they change."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from ..common.errors import BadFile
from ..common.logs import get_logger

_LOOK_SECONDS = 0.5

T = TypeVar("T")

_log = get_logger()


class WatchedFile(Generic[T]):
    """What a file says, never older than half a second when it is asked.

    A file that has gone, or that no longer reads, changes nothing: the log tells why, once.

    Args:
        path: the file.
        read: makes of its bytes what it says; raises ValueError where they are no such file.

    Raises:
        BadFile: it is not there at first, or does not read.
    """

    def __init__(self, path: Path, read: Callable[[bytes], T]) -> None:
        self._path, self._read = path, read
        self._look_again = 0.0
        self._seen: object = None
        self._seen, self._said = self._state(), self._load()

    def get(self) -> T:
        """Give what it says now."""
        now = time.monotonic()
        if now >= self._look_again:
            self._look_again = now + _LOOK_SECONDS
            self.look()
        return self._said

    def look(self) -> None:
        """Read it again now, if it has changed."""
        if (state := self._state()) == self._seen:
            return
        self._seen = state
        try:
            self._said = self._load()
        except BadFile as error:
            _log.error("the file is not taken over, what it said before holds", problem=str(error))
        else:
            _log.info("read anew", file=str(self._path))

    def _state(self) -> object:
        """Give what differs when the file does, also where another took its place."""
        try:
            found = os.stat(self._path)
        except OSError as error:
            return error.errno
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _load(self) -> T:
        try:
            return self._read(self._path.read_bytes())
        except OSError as error:
            raise BadFile(f"{self._path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise BadFile(f"{self._path}: {error}") from error
