"""The store is its owner's alone: the rights of what is written, and what others could change."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..common.errors import CorruptModel

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def close_to_others(directory: Path) -> None:
    """Take all rights to a folder and the files in it from everybody but the owner."""
    for path in directory.iterdir():
        path.chmod(PRIVATE_FILE)
    directory.chmod(PRIVATE_FOLDER)


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are not there, private; others stay as they are."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def private_folder(folder: Path) -> Path:
    """Make a folder that nobody else writes to, or puts another in the place of.

    Raises:
        OSError: it cannot be made, or belongs to somebody else.
    """
    make_private(folder)
    found, around = folder.lstat(), folder.parent.stat()
    if folder.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this user's alone: chmod 700, or remove it")
    if around.st_mode & _OTHERS_WRITE and not around.st_mode & stat.S_ISVTX:
        raise PermissionError(f"others may write to {folder.parent}: chmod go-w")
    return folder


def read_file(path: Path) -> bytes:
    """Read a file in a store, if it is one.

    Raises:
        CorruptModel: it is a symlink, a folder, a pipe.
        FileNotFoundError: there is none.
    """
    check_no_links(path)
    if path.exists() and not path.is_file():
        raise CorruptModel(f"{path} is no file")
    return path.read_bytes()


def check_no_links(*paths: Path) -> None:
    """Refuse what lies in a store and leads out of it.

    Raises:
        CorruptModel: one is a symlink.
    """
    for path in paths:
        if path.is_symlink():
            raise CorruptModel(
                f"{path} is a symlink, and none is followed in a store: put there what it leads to"
            )


def writable_by_others(home: Path, directory: Path) -> str:
    """Say which part of a store others than its owner may write to or replace, if there is one.

    Args:
        home: of the store.
        directory: of a version in it.
    """
    # The store itself may be a symlink.
    around = {*home.absolute().parents, *home.resolve().parents}
    for path in [*sorted(around), *_parts(home, directory)]:
        try:
            found = path.stat()
        except FileNotFoundError:
            continue  # whoever loads the version says what is missing
        if found.st_uid not in (0, os.geteuid()):
            return f"{path} belongs to another user, who can change it"
        # There nobody renames or removes what is another's.
        kept = found.st_mode & stat.S_ISVTX and path in around
        if found.st_mode & _OTHERS_WRITE and not kept:
            return f"others may write to {path}: chmod go-w {path}"
    return ""


def _parts(home: Path, directory: Path) -> Iterator[Path]:
    yield from (home, home / "models", directory.parent, directory)
    yield from sorted(directory.glob("*"))
