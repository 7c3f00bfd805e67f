"""The processes of a server, and the memory that they hold."""

import os
from collections.abc import Iterable
from pathlib import Path

from .memory import SHARED_FOLDER, living


def own_processes() -> list[int]:
    """Give the numbers of the processes that answer calls for this one's server."""
    folder = os.environ.get(SHARED_FOLDER)
    return [os.getpid()] if folder is None else sorted(living(folder))


def memory_held(processes: Iterable[int]) -> int:
    """Give the bytes that processes hold together; 0 where the system does not tell.

    What they share counts once, where the system tells that; one that has ended holds nothing.
    """
    return sum(map(_held, processes))


def _held(process: int) -> int:
    # The second is what a kernel without the first has, and for processes of other users.
    for file, name in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(name):
                return 1024 * int(line.split()[1])
    return 0
