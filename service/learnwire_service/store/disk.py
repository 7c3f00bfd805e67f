"""What a disk may refuse, told with the store's path and the way out."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..common.errors import StoreFailed

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# With less than that left, whatever failed to be written failed for want of room.
_LEAST_BYTES = 2**16
_ELSEWHERE = "or choose another store with LEARNWIRE_HOME"


@contextmanager
def told(home: Path) -> Iterator[None]:
    """Raise what the disk refuses inside as an error of ours.

    Raises:
        StoreFailed: see there.
    """
    try:
        yield
    except StoreFailed:
        raise
    except (OSError, NotImplementedError) as error:
        raise StoreFailed(_sentence(home, error)) from error


@contextmanager
def full_told(home: Path) -> Iterator[None]:
    """Raise what fails inside for want of room on the disk as such; all else stays as it is.

    Raises:
        StoreFailed: the disk is full.
    """
    try:
        yield
    except Exception as error:
        if is_full(home, error):
            raise StoreFailed(_full(home)) from error
        raise


def check_room(home: Path, directory: Path, size: int) -> None:
    """Check that so many bytes have room, before any of them is written.

    Args:
        home: of the store.
        directory: where they are to go.
        size: how many there are.

    Raises:
        StoreFailed: they have not.
    """
    if size > shutil.disk_usage(directory).free:
        raise StoreFailed(f"{size} bytes have no room: {_full(home)}")


def is_full(folder: Path, error: BaseException | None) -> bool:
    """Tell whether an error was for want of room on the disk of a folder.

    Libraries make errors of their own of it, so how much room is left counts too.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    try:
        return shutil.disk_usage(folder).free < _LEAST_BYTES
    except OSError:
        return False


def state_of(home: Path) -> str:
    """Say what is wrong with a store that seems to hold nothing; "" where it is only empty."""
    if not home.exists():
        return f"there is no store at {home}; LEARNWIRE_HOME says where it is"
    if not home.is_dir():
        return f"the store {home} is no folder; LEARNWIRE_HOME says where it is"
    if not os.access(home, os.R_OK | os.X_OK):
        return f"the store {home} cannot be read: change its rights, {_ELSEWHERE}"
    return ""


def _sentence(home: Path, error: OSError | NotImplementedError) -> str:
    number = error.errno if isinstance(error, OSError) else errno.ENOSYS
    if number in _FULL:
        return _full(home)
    if number in _NO_LOCKS:
        return (
            f"the file system of the store {home} has no locks, which saving needs: mount it "
            f"with them (NFS with lockd, not nolock), {_ELSEWHERE}"
        )
    if any(path.exists() and not path.is_dir() for path in (home, *home.parents)):
        return f"the store {home} is no folder: move away the file that is there, {_ELSEWHERE}"
    if number in _FORBIDDEN:
        return f"the store {home} cannot be written to ({error}): change that, {_ELSEWHERE}"
    return f"the store {home} fails: {error}"


def _full(home: Path) -> str:
    return f"the disk of the store {home} is full: make room there, {_ELSEWHERE}"
