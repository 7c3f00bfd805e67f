"""Staging: where a version is made before it appears in the store in one step."""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from .private import PRIVATE_FILE, PRIVATE_FOLDER, check_no_links, close_to_others, make_private


@contextmanager
def staged(root: Path) -> Iterator[Path]:
    """Give a new directory below `root` that is gone afterwards, unless renamed away.

    A lock beside it tells other processes that its maker lives; what a killed
    one left behind is cleared on the way.
    """
    check_no_links(root)
    make_private(root)
    _clear_abandoned(root)
    directory = root / uuid.uuid4().hex
    lock = FileLock(f"{directory}.lock", mode=PRIVATE_FILE)
    with lock:
        directory.mkdir(mode=PRIVATE_FOLDER)
        try:
            yield directory
        finally:
            _remove(directory)


def inherited(root: Path) -> Path:
    """Give a new directory below `root` that lasts as long as a process does which inherits it.

    This process has it, and whatever it becomes by exec, or forks; after these who comes next
    clears it, as in `staged`.
    """
    check_no_links(root)
    make_private(root)
    _clear_abandoned(root)
    directory = root / uuid.uuid4().hex
    part = directory.with_suffix(".part")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    # Nobody clears it before it is held.
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.set_inheritable(descriptor, True)
    directory.mkdir(mode=PRIVATE_FOLDER)
    part.rename(f"{directory}.lock")
    return directory


def _clear_abandoned(root: Path) -> None:
    for lock_file in root.glob("*.lock"):
        try:
            with FileLock(lock_file, timeout=0, mode=PRIVATE_FILE):
                _remove(lock_file.with_suffix(""))
        except Timeout:
            continue


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    Path(f"{directory}.lock").unlink(missing_ok=True)


def publish(directory: Path, target: Path) -> None:
    """Let a finished directory appear as `target`, all at once, to stay, and its owner's alone.

    Raises:
        FileExistsError: `target` is there already.
    """
    close_to_others(directory)
    for path in [*directory.iterdir(), directory]:
        _sync(path)
    make_private(target.parent)
    try:
        directory.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise FileExistsError(str(target)) from error
    _sync(target.parent)
    _sync(target.parent.parent)


def add(directory: Path, target: Path) -> None:
    """Move the files of a finished directory into `target`, each at once.

    Raises:
        FileNotFoundError: `target` is gone.
    """
    close_to_others(directory)
    for path in directory.iterdir():
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
