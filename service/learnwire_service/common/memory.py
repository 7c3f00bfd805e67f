"""Memory while a model is loaded or sealed: no walks through it, and nothing held afterwards."""

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Load or seal a model inside.

    Nearly all that imports and unpickling make stays, half a million objects: to look for
    garbage among them again and again takes a fifth of the time. It is done once, at the end,
    lest the first requests wait for it; and what is free then goes back to the system.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
            free()
        else:
            trim()


def free() -> None:
    """Give memory back to the system, also what is held in cycles."""
    gc.collect()
    trim()


def trim() -> None:
    """Give free memory back to the system, where the C library keeps it and can be told."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def resident_bytes() -> int:
    """Tell how much memory this process has; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
