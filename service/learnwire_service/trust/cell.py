"""A process in the jail, from inside: it gives up its rights, does one task, and says data."""

import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias

from ..common.errors import LearnwireError, in_a_line
from .rights import Limits, Memory, give_up

# Does what an order says; gives JSON. It imports what it needs, and calls `Cell.bound` before it
# reads what nobody trusts.
Task: TypeAlias = Callable[["Cell"], str]


class Cell:
    """What a task has.

    Attributes:
        order: what it is to do.
    """

    def __init__(self, order: Mapping[str, Any], channel: IO[str]) -> None:
        self.order = order
        self._channel = channel
        self._memory = Memory.here()
        self._limits = Limits(*order["limits"])
        readable, writable = (list(map(Path, order[one])) for one in ("readable", "writable"))
        give_up(readable, writable, self._limits)

    def bound(self) -> None:
        """Bound the memory, once the libraries are there."""
        self._memory.bound(self._limits.memory)

    def stage(self, name: str, doing: str) -> None:
        """Say how far it is; see `Stage`."""
        self.say("stage", [name, doing])

    def say(self, what: str, data: object) -> None:
        """Say something to the parent."""
        self._channel.write(json.dumps({what: data}) + "\n")
        self._channel.flush()


def main(tasks: Mapping[str, Task]) -> None:
    """Read the order, do its task, and say what comes of it."""
    order = json.loads(sys.stdin.buffer.readline())
    # What libraries print is nothing that the parent understands.
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # Else Python would look whether it can write and remove a file there.
    tempfile.tempdir = os.environ["TMPDIR"]
    cell = Cell(order, channel)
    logging.getLogger("learnwire").addHandler(_Said(cell))
    try:
        result = tasks[order["task"]](cell)
    except LearnwireError as error:
        cell.say("error", [type(error).__name__, str(error)])
    except BaseException as error:  # noqa: BLE001 - a learner may raise anything
        cell.say("error", ["", in_a_line(error)])
    else:
        cell.say("result", result)
    # Whatever was to run at the end need not.
    os._exit(0)


class _Said(logging.Handler):
    """Says what the log is told."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(logging.WARNING)
        self._cell = cell

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self._cell.say("warning", record.getMessage())
