"""Where a process counts: numbers in memory, or in files that other processes of a server read.

A file holds one record after the other: two whole numbers, which are the length of its head in
bytes and how many numbers it has, its head, which is JSON, and its numbers. What is written
outlives the process, however that ends.
"""

import mmap
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO, NamedTuple, TypeAlias

# Where the processes of one server count together.
SHARED_FOLDER = "LEARNWIRE_COUNTS"

# Doubles; a file's and an array's alike.
Numbers: TypeAlias = "memoryview[float]"

_LIVE, _DEAD = ".live", ".dead"
_FILE_BYTES, _FILE_BYTES_OF_ONE = 2**16, 2**14
_WIDTH = 8
_HEAD = 2 * _WIDTH


class Record(NamedTuple):
    """What one process counted of one thing.

    Attributes:
        process: its number.
        lives: whether it does.
        head: what is counted.
        numbers: the counts.
    """

    process: int
    lives: bool
    head: bytes
    numbers: Sequence[float]


class Memory:
    """Gives places to count in, for any thread.

    Args:
        folder: where others read them; None: nowhere.
        of: the one thing that is counted here, so that its counts can be given up; "": many.
    """

    def __init__(self, folder: str | None, of: str = "") -> None:
        self._folder = folder
        self._of = of and f"{of}-"
        self._places: dict[bytes, Numbers] = {}
        self._lock = Lock()
        self._used = self._files = 0
        self._bytes = memoryview(b"")

    def place(self, head: bytes, count: int) -> Numbers:
        """Give so many numbers, zero at first; the same ones where the head is the same."""
        with self._lock:
            if (place := self._places.get(head)) is None:
                place = self._places[head] = self._new(head, count)
            return place

    def read(self) -> Iterator[Record]:
        """Give what this process counts, and the others that share the folder."""
        if self._folder is not None:
            yield from read(self._folder)
            return
        for head, numbers in list(self._places.items()):
            yield Record(os.getpid(), True, head, numbers)

    def forget(self) -> None:
        """Give up what was counted here of one thing, also by processes that have died."""
        assert self._of  # noqa: S101 - else it is not of one thing
        if self._folder is None:
            return
        for path in Path(self._folder).glob(f"*-{self._of}*"):
            process, _, rest = path.stem.partition("-")
            is_given_up = process == str(os.getpid()) or path.suffix == _DEAD
            if is_given_up and rest.removeprefix(self._of).isdigit():
                path.unlink(missing_ok=True)

    def _new(self, head: bytes, count: int) -> Numbers:
        if self._folder is None:
            return memoryview(bytearray(count * _WIDTH)).cast("d")
        begin = self._used + _HEAD + _padded(len(head))
        end = begin + count * _WIDTH
        if end + _HEAD > len(self._bytes):
            self._open(self._folder, end - self._used + _HEAD)
            return self._new(head, count)
        self._bytes[self._used + _HEAD : self._used + _HEAD + len(head)] = head
        # Only the length makes it a record for those who read at the same time.
        sizes = self._bytes[self._used : self._used + _HEAD].cast("q")
        sizes[1], sizes[0] = count, len(head)
        self._used = end
        return self._bytes[begin:end].cast("d")

    def _open(self, folder: str, least: int) -> None:
        """Go on in another file: one that is mapped cannot grow."""
        size = max(_FILE_BYTES_OF_ONE if self._of else _FILE_BYTES, _padded(least))
        path = Path(folder) / f"{os.getpid()}-{self._of}{self._files}{_LIVE}"
        with reserved(path, size) as file:
            self._bytes = memoryview(mmap.mmap(file.fileno(), size))
        self._used, self._files = 0, self._files + 1


@contextmanager
def reserved(path: Path, size: int) -> Iterator[BinaryIO]:
    """Make a file that is to be mapped, with all its room on the disk.

    Who writes to a mapped page for which a full disk has no room is ended by the system.

    Raises:
        OSError: there is no room, and no file.
    """
    with path.open("xb+") as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.write(bytes(size))
                file.flush()
        except OSError:
            path.unlink()
            raise
        yield file


def read(folder: str) -> Iterator[Record]:
    """Give what all processes have counted in a folder, the dead ones too."""
    for path in sorted(Path(folder).iterdir()):
        if path.suffix in (_LIVE, _DEAD):
            process, _, _ = path.stem.partition("-")
            for place in (path, path.with_suffix(_DEAD)):  # it may just have been marked as dead
                with suppress(FileNotFoundError):
                    yield from _records(int(process), path.suffix == _LIVE, place.read_bytes())
                    break


def read_of(folder: str, process: int) -> Iterator[Record]:
    """Give what one process that lives has counted in a folder."""
    for path in sorted(Path(folder).glob(f"{process}-*{_LIVE}")):
        with suppress(FileNotFoundError):
            yield from _records(process, True, path.read_bytes())


def living(folder: str) -> set[int]:
    """Give the numbers of the processes that count in a folder and have not ended."""
    return {int(path.stem.partition("-")[0]) for path in Path(folder).glob(f"*{_LIVE}")}


def mark_dead(folder: str, process: int) -> None:
    """Say that a process has ended: what it counted stays, but for what is only of the living."""
    for path in Path(folder).glob(f"{process}-*{_LIVE}"):
        path.rename(path.with_suffix(_DEAD))


def together(records: Iterable[Record]) -> Mapping[bytes, list[Record]]:
    """Put together what several processes counted of the same things."""
    found = defaultdict[bytes, list[Record]](list)
    for record in records:
        found[record.head].append(record)
    return found


def _records(process: int, lives: bool, data: bytes) -> Iterator[Record]:
    whole, sizes, doubles = memoryview(data), memoryview(data).cast("q"), memoryview(data).cast("d")
    at = 0
    while at + _HEAD <= len(data) and (length := sizes[at // _WIDTH]):
        count, begin = sizes[at // _WIDTH + 1], at + _HEAD + _padded(length)
        at = begin + count * _WIDTH
        head = bytes(whole[begin - _padded(length) : begin - _padded(length) + length])
        yield Record(process, lives, head, doubles[begin // _WIDTH : at // _WIDTH])


def _padded(size: int) -> int:
    return -(-size // _WIDTH) * _WIDTH
