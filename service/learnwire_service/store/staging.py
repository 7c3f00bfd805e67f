"""Staging: where a version is made before it appears in the store in one step."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def staged(root: Path) -> Iterator[Path]:
    """Give a new directory below `root` that is gone afterwards, unless renamed away.

    A lock beside it tells other processes that its maker lives; what a killed
    one left behind is cleared on the way.
    """
    root.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(root)
    directory = root / uuid.uuid4().hex
    lock = FileLock(f"{directory}.lock")
    with lock:
        directory.mkdir()
        try:
            yield directory
        finally:
            _remove(directory)


def _clear_abandoned(root: Path) -> None:
    for lock_file in root.glob("*.lock"):
        try:
            with FileLock(lock_file, timeout=0):
                _remove(lock_file.with_suffix(""))
        except Timeout:
            continue


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    Path(f"{directory}.lock").unlink(missing_ok=True)


def publish(directory: Path, target: Path) -> None:
    """Let a finished directory appear as `target`, all at once and to stay.

    Raises:
        FileExistsError: `target` is there already.
    """
    for path in [*directory.iterdir(), directory]:
        _sync(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        directory.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise FileExistsError(str(target)) from error
    _sync(target.parent)
    _sync(target.parent.parent)


def add(directory: Path, target: Path, *, last: str) -> None:
    """Move the files of a finished directory into `target`, each at once, and one after all others.

    Raises:
        FileNotFoundError: `target` is gone.
    """
    files = sorted(directory.iterdir(), key=lambda path: path.name == last)
    for path in files:
        _sync(path)
        path.replace(target / path.name)
    _sync(target)


def _sync(path: Path) -> None:
    """Bring a file or a directory's entries to the disk, so that a power cut leaves it whole."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
