"""Rights given up for good, before something is read that may run code of its own."""

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from . import landlock, seccomp

# Landlock says which files are read, also for root, who may else read only root's own.
_READ_ALL = 1 << 2
_CAPABILITIES_OF = 0x20080522
_PARENT_DEATH_SIGNAL = 1
_MOST_OPEN = 256

_libc = ctypes.CDLL(None, use_errno=True)


class Limits(NamedTuple):
    """What a process in the jail may take, beside what its libraries take.

    Attributes:
        seconds: of anyone's clock.
        memory: bytes that it allocates or maps.
        disk: bytes in its folders.
    """

    seconds: float = 900.0
    memory: int = 8 * 2**30
    disk: int = 16 * 2**30


@dataclass(frozen=True)
class Memory:
    """A process's memory, which can be bounded when it can no longer be looked at."""

    _sizes: int

    @classmethod
    def here(cls) -> Self:
        """Begin to look at this process's."""
        return cls(os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC))

    def bound(self, more: int) -> None:
        """Allow so many bytes more than there are now; it holds for root, too."""
        pages = int(os.pread(self._sizes, 100, 0).split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + more)


def lack() -> str:
    """Say what the kernel lacks for rights to be given up; empty where it lacks nothing."""
    if not hasattr(os, "pidfd_open"):
        return "only Linux has Landlock and seccomp"
    lacking = [seccomp.lack(), "" if landlock.version() else "the kernel has no Landlock"]
    return " and ".join(filter(None, lacking))


def give_up(readable: Sequence[Path], writable: Sequence[Path], limits: Limits) -> None:
    """Give up all rights but to compute, and to files; there is no way back.

    It must be done while there is one thread: others keep what they have.

    Args:
        readable: files and folders that may still be read.
        writable: folders in which files may still be made, too.
        limits: what may be taken; for memory see `Memory`, for the clock and the disk the parent.

    Raises:
        OSError: the kernel refuses.
    """
    _libc.prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    with suppress(OSError):
        # Where memory runs out, it is this process that goes.
        Path("/proc/self/oom_score_adj").write_text("1000")
    processors = os.cpu_count() or 1
    _limit(resource.RLIMIT_CPU, int(limits.seconds * processors) + 1)
    _limit(resource.RLIMIT_FSIZE, limits.disk)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _MOST_OPEN)
    landlock.restrict(readable, writable)
    _drop_capabilities()
    seccomp.restrict()


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _drop_capabilities() -> None:
    """Make a root of this process that may change nothing of others, and raise no limit."""
    head = struct.pack("=Ii", _CAPABILITIES_OF, 0)
    kept = _READ_ALL if os.geteuid() == 0 else 0
    # Which are in force, which may be, which are handed on; of the first 32, then of the others.
    if _libc.capset(head, struct.pack("=6I", kept, kept, 0, 0, 0, 0)):
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")
