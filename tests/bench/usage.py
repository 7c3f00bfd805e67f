"""What a server and its processes use: time of the cores, and memory."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from .processes import tree
from .sample import Sample
from .servers import Served


def with_use(served: Served, take: Callable[[], Sample]) -> Sample:
    """Take a sample and add how busy this client and the server were."""
    begin, client_begin, server_begin = time.perf_counter(), time.process_time(), used(served.pid)
    sample = take()
    seconds = time.perf_counter() - begin
    return replace(
        sample,
        busy=(used(served.pid) - server_begin) / seconds,
        client_busy=(time.process_time() - client_begin) / seconds,
    )


def resident(pid: int) -> int:
    """Give the bytes of memory that a process and all that it has started hold.

    Of one process it is all that is resident. Of several it is the sum of their proportional
    sizes, so that what they share counts once; where the system does not tell those, it is the
    sum of all.
    """
    processes = tree(pid)
    if len(processes) == 1:
        return int(processes[0].memory_info().rss)
    sizes = (process.memory_full_info() for process in processes)
    return sum(getattr(size, "pss", size.rss) for size in sizes)


def private(pid: int) -> int:
    """Give the bytes of memory that the largest of these processes shares with no other.

    What a file on the disk would give back is not counted, so a weight that is mapped is not.
    """
    return max(map(_anonymous, tree(pid)))


def _anonymous(process: psutil.Process) -> int:
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return int(process.memory_full_info().uss)
    [kilobytes] = (line.split()[1] for line in lines if line.startswith("Anonymous:"))
    return 1024 * int(kilobytes)


def used(pid: int) -> float:
    """Give the seconds that the cores worked for a process and all that it has started."""
    total = 0.0
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total
