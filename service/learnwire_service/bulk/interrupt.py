"""Ctrl-C in the middle of a bulk job."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_INTERRUPTED = 130

_TOLD = b"\nlearnwire: interrupted; the same command goes on behind the last finished part\n"
_SHOW_CURSOR = b"\x1b[?25h"


@contextmanager
def ended_by_interrupt() -> Iterator[None]:
    """Let SIGINT end the process on the spot, with exit code 130.

    Finished parts are safe from that, as they are from SIGKILL. KeyboardInterrupt is not:
    raised inside gRPC, it now and then leaves a channel that waits for ever to be closed.
    """
    before = signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(number: int, frame: FrameType | None) -> None:
    # Not through sys.stderr, in the middle of whose own writing this may come.
    os.write(2, (_SHOW_CURSOR if sys.stderr.isatty() else b"") + _TOLD)
    os._exit(EXIT_INTERRUPTED)
