"""Which versions servers serve: a lock on the manifest that ends with whoever holds it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .manifest import MANIFEST_FILE


class Use:
    """The use of a version, which other processes see from `begin` until `end`.

    Args:
        directory: the version's.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / MANIFEST_FILE
        self._descriptor: int | None = None

    def begin(self) -> None:
        """Begin; where the file system has no locks, or the version is gone, nobody sees it.

        Whoever looks at that moment whether it is in use is waited for: see `unused`.
        """
        try:
            self._descriptor = os.open(self._path, os.O_RDONLY)
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        except OSError:
            self.end()

    def end(self) -> None:
        """End."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def unused(directory: Path) -> Iterator[bool]:
    """Tell whether a version is in no use; if so, inside it comes into none that is seen."""
    descriptor = os.open(directory / MANIFEST_FILE, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
