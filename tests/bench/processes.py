"""Processes of their own, each held to one core and one thread."""

import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import psutil


class BenchError(Exception):
    """Raised when something cannot be measured; the message says what and why."""


@dataclass(frozen=True)
class Cores:
    """Which core the contenders get, and which the client; None where none can be chosen."""

    contenders: int | None
    client: int | None

    @classmethod
    def choose(cls) -> "Cores":
        """Take the first and the last, which are least likely to be one core's two threads."""
        if not hasattr(os, "sched_getaffinity"):
            return cls(None, None)
        cores = sorted(os.sched_getaffinity(0))
        return cls(cores[0], cores[-1])


def pin(pid: int, core: int | None) -> None:
    """Hold a process to a core, with all threads and processes that it will start."""
    if core is not None:
        psutil.Process(pid).cpu_affinity([core])


def pinned_pool(core: int | None) -> ProcessPoolExecutor:
    """Make one fresh process on that core, which does what is submitted, one by one."""
    return ProcessPoolExecutor(1, get_context("spawn"), _begin, (core,))


def tree(pid: int) -> list[psutil.Process]:
    """Give a process and all that stem from it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _begin(core: int | None) -> None:
    pin(os.getpid(), core)
    # fastai and torch warn about each other, and about pickle: nothing to act on here.
    warnings.filterwarnings("ignore", category=UserWarning)
