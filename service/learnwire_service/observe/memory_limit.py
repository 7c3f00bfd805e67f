"""How much memory a server may have, and how much of that is held now.

What the system takes back by itself before it ends a process, such as files in memory, counts for
nothing: neither the store's files nor weights that are mapped from them.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from ..common.mib import MIB
from .processes import own_processes

# A cgroup of the first version without a limit has one that no machine has.
_NONE = 2**60


class Held(NamedTuple):
    """What is held of the memory that there is.

    Attributes:
        held: the bytes that are held.
        limit: the bytes that there are.
    """

    held: int
    limit: int

    @property
    def share(self) -> float:
        """Which share of the limit is held."""
        return self.held / self.limit


# Costs some reads of small files.
Measure = Callable[[], Held]


class Kind(NamedTuple):
    """A version of cgroups.

    Attributes:
        limit: the file with the most bytes.
        usage: the file with those that are used.
        lent: what memory.stat calls those that the system takes back when it needs them.
    """

    limit: str
    usage: str
    lent: tuple[str, ...]


FIRST = Kind(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_active_file", "total_inactive_file"),
)
SECOND = Kind("memory.max", "memory.current", ("active_file", "inactive_file", "slab_reclaimable"))
_FILE_SYSTEMS = {"cgroup": FIRST, "cgroup2": SECOND}


class Cgroup:
    """A cgroup that bounds the memory of the processes in it.

    Args:
        folder: where the system tells of it.
        kind: how.
    """

    def __init__(self, folder: Path, kind: Kind) -> None:
        self._folder, self._kind = folder, kind

    def measure(self) -> Held:
        """Tell what is held; a limit of 0 where it has none, or the system does not tell."""
        try:
            limit = int(self._read(self._kind.limit))
            stat = dict(line.split() for line in self._read("memory.stat").splitlines())
            lent = sum(int(stat[name]) for name in self._kind.lent)
            held = int(self._read(self._kind.usage)) - lent
        except (OSError, ValueError, KeyError):
            return Held(0, 0)
        return Held(max(0, held), limit) if limit < _NONE else Held(0, 0)

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text().strip()


def measure_for(limit: int | None) -> Measure | None:
    """Give what measures a server's memory; None where there is no limit.

    Args:
        limit: the MiB that its processes may have together; None: what the cgroups that this
            process is in have for all their processes; 0: any.
    """
    if limit is not None:
        return (lambda: Held(_held_by_all(), limit * MIB)) if limit else None
    bounded = [one for one in _own_cgroups() if one.measure().limit]
    return (lambda: _fullest(bounded)) if bounded else None


def _held_by_all() -> int:
    return sum(map(_held_by, own_processes()))


def _held_by(process: int) -> int:
    """Give the bytes of a process that no file has; 0 where it has ended."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{process}/statm").read_text().split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def _fullest(cgroups: Sequence[Cgroup]) -> Held:
    """Tell of the cgroup that is nearest to its limit; a limit may have changed, or gone."""
    found = [held for one in cgroups if (held := one.measure()).limit]
    return max(found, key=lambda one: one.share, default=Held(0, _NONE))


def _own_cgroups() -> Iterator[Cgroup]:
    """Give the cgroups that this process is in, those around it too."""
    try:
        paths = _own_paths(Path("/proc/self/cgroup").read_text())
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return
    for line in mounts:
        before, _, after = line.partition(" - ")
        root, place = before.split()[3:5]
        kind = _FILE_SYSTEMS.get(after.split()[0])
        if kind is None or kind not in paths:
            continue
        for folder in _around(Path(place), root, paths[kind]):
            if (folder / kind.limit).is_file():
                yield Cgroup(folder, kind)


def _own_paths(lines: str) -> dict[Kind, PurePath]:
    paths = dict[Kind, PurePath]()
    for line in lines.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            paths[SECOND] = PurePath(path)
        elif "memory" in controllers.split(","):
            paths[FIRST] = PurePath(path)
    return paths


def _around(place: Path, root: str, path: PurePath) -> Iterator[Path]:
    """Give a cgroup's folder and those around it; a container may see the outermost alone."""
    within = path.relative_to(root) if path.is_relative_to(root) else PurePath()
    folder = place / within
    yield folder
    while folder != place:
        folder = folder.parent
        yield folder
