"""Workers that fall silent: stopped by a signal, or with an interpreter that somebody holds."""

import asyncio
import time
from pathlib import Path

from ..observe.states import asked_of, beat_of
from .process import Worker

# Time is told in looks, not by a clock: where the machine is too busy for the workers, it is
# too busy for who looks.
_LOOK_SECONDS = 1.0
_STOPPED_LOOKS = 3
# What a worker may take to end by itself, once it has noticed a model that never returns.
_MORE_LOOKS = 5


async def silence(folder: str, worker: Worker, patience: float) -> str:
    """Wait until a worker is stopped or has fallen silent, and say what is wrong.

    Args:
        folder: where it counts.
        worker: it; who still loads may be silent.
        patience: for how many seconds it may be silent; 0: for ever.
    """
    stopped = silent = 0
    heard = 0.0
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        stopped = stopped + 1 if _is_stopped(worker.pid) else 0
        if stopped >= _STOPPED_LOOKS:
            return "it was stopped by a signal"
        before, heard = heard, beat_of(folder, worker.pid)
        if heard != before:
            worker.heard_at = time.monotonic()
        silent = silent + 1 if heard == before and worker.serves else 0
        if patience and silent >= patience / _LOOK_SECONDS + _MORE_LOOKS:
            models = ", ".join(asked_of(folder, worker.pid)) or "none"
            return f"it said nothing for {silent} s; models that it asked then: {models}"


def _is_stopped(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # it has ended, or this system has no such files
        return False
    return stat.rpartition(")")[2].split()[0] == "T"
