"""Networks with their weights prepacked: a cache of the machine, mapped by all workers together.

ONNX Runtime brings weights into the order in which its kernels read them. Each process that does
so has a copy of its own; what is read from here is in memory once, whoever reads it.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from filelock import FileLock

from ..common.errors import in_a_line
from ..common.logs import get_logger
from ..store.private import PRIVATE_FILE, private_folder
from ..store.staging import publish
from ..store.store import default_cache
from .machine import here

NETWORK = "network.onnx"

# Smaller ones take more time to find here than memory.
_LEAST_BYTES = 8 * 2**20
_MOST_BYTES = 4 * 2**30
# Seconds, in which others may bring theirs in.
_PATIENCE = 60.0

_log = get_logger()


def weights_file(path: Path) -> Path:
    """Give the file beside a network's that its large weights are in."""
    return path.with_name(f"{path.name}.data")


def prepacked(path: Path, write: Callable[[Path, Path], object]) -> Path | None:
    """Give a large network prepacked for this processor and this release of ONNX Runtime.

    Args:
        path: the network.
        write: writes it, prepacked, where its second argument says.

    Returns: its file in the cache; None where it is small, or the cache fails.
    """
    files = [file for file in (path, weights_file(path)) if file.is_file()]
    if sum(file.stat().st_size for file in files) < _LEAST_BYTES:
        return None
    try:
        folder = private_folder(default_cache() / "networks")
        entry = folder / _key(files)
        with FileLock(folder / "lock", timeout=_PATIENCE, mode=PRIVATE_FILE):
            if not entry.is_dir():
                _add(entry, lambda new: write(path, new))
        os.utime(entry)
    except PermissionError as error:
        _tell(str(error))
        return None
    except Exception as error:  # noqa: BLE001 - it serves without, whatever the disk refuses
        _log.info("weights are not shared", network=path.name, problem=in_a_line(error))
        return None
    return entry / NETWORK


@cache
def _tell(problem: str) -> None:
    _log.warning("the cache of networks is not used", problem=problem)


def _key(files: list[Path]) -> str:
    key = hashlib.sha256(here().encode())
    for file in files:
        with file.open("rb") as stream:
            key.update(hashlib.file_digest(stream, "sha256").digest())
    return key.hexdigest()


def _add(entry: Path, write: Callable[[Path], object]) -> None:
    new = entry.with_name("new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    write(new / NETWORK)
    room = _MOST_BYTES - _size(new)
    # Who has a file mapped keeps it, though it is gone from the disk.
    for old in sorted(_entries(entry.parent), key=lambda one: -one.stat().st_mtime):
        room -= _size(old)
        if room < 0:
            shutil.rmtree(old)
    publish(new, entry)


def _entries(folder: Path) -> list[Path]:
    return [one for one in folder.iterdir() if one.is_dir() and one.name != "new"]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
