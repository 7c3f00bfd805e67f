"""Memory while a model is loaded: no walks through it meanwhile, and nothing held afterwards."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Load a model inside.

    Nearly all that imports and unpickling make stays, half a million objects: to look for
    garbage among them again and again takes a fifth of the time. What the load did free goes
    back to the system at the end, as no later allocation may be as large.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
        _trim()


def _trim() -> None:
    """Give free memory back to the system, where the C library keeps it and can be told."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
