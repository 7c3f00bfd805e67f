"""How many threads a network gets, so that workers together have no more than there are cores."""

import os
from pathlib import Path

# Given to workers, unless the environment has it already; PyTorch obeys it, and so do we.
THREADS = "OMP_NUM_THREADS"
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def threads_here() -> int:
    """Tell how many threads this process's environment gives a network; all cores, if nothing."""
    said = os.environ.get(THREADS, "").split(",")[0].strip()
    return int(said) if said.isdecimal() and int(said) else cores()


def cores() -> int:
    """Count the cores that this process may use, by its affinity and its container's quota."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    try:
        quota = cores_of_quota(_QUOTA.read_text())
    except OSError:
        quota = None
    return allowed if quota is None else min(allowed, quota)


def threads_each(workers: int, cores: int) -> int:
    """Share the cores among workers, each of which needs one thread at least."""
    return max(1, cores // workers)


def cores_of_quota(text: str) -> int | None:
    """Read how many cores' time a container has, one at least; None where all that there are.

    Args:
        text: as in Linux' `cpu.max`, microseconds in each period of so many: `150000 100000`.
    """
    share, period = text.split()
    return None if share == "max" else max(1, int(share) // int(period))
