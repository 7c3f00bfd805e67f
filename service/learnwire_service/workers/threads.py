"""How many threads each worker gets, so that all together have no more than there are cores."""

import os
from pathlib import Path

# Given to workers, unless the environment has it already; torch obeys it.
THREADS = "OMP_NUM_THREADS"
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores() -> int:
    """Count the cores that this process may use, by its affinity and its container's quota."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return max(1, min(allowed, _quota(allowed)))


def threads_each(workers: int, cores: int) -> int:
    """Share the cores among workers, of whom each needs one thread at least."""
    return max(1, cores // workers)


def _quota(otherwise: int) -> int:
    """Read how many cores' time the container has: `<microseconds or max> <in so many>`."""
    try:
        share, period = _QUOTA.read_text().split()
    except (OSError, ValueError):
        return otherwise
    return otherwise if share == "max" else int(share) // int(period)
