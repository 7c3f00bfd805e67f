"""What is made in a process that is killed at a given step.

A step is an event that Python's audit hooks see: a file opened to be written, a directory made,
renamed or removed.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from learnwire_service import CorruptModel
from learnwire_service.store.store import ModelStore

NEVER = sys.maxsize
# Whoever is killed before these leaves what he does before the next change.
READING = ("os.listdir", "os.scandir", "pathlib.Path.glob")


def made(make: Callable[[], object], home: Path, count: int, watched: Path | None = None) -> str:
    """Make a version in a fork that dies at the given step; give that step's event, "" if none.

    Args:
        make: makes it, in the store `home`.
        home: of the store.
        count: which step is the last.
        watched: the folder whose changes are steps; the store's if none is given.
    """
    os.environ["LEARNWIRE_HOME"] = str(home)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        make_until(count, make, writer, str(watched or home))
    os.close(writer)
    with os.fdopen(reader) as said:
        event = said.read()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        raise RuntimeError(f"it failed: {event}")
    return event


def make_until(count: int, make: Callable[[], object], writer: int, watched: str) -> None:
    """Make a version, and die at the given step; tell the event of that step. Never returns."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        paths = [os.fspath(a) for a in arguments if isinstance(a, str | os.PathLike)]
        reads = event in READING or (event == "open" and arguments[1] == "r")
        if not reads and any(path.startswith(watched) for path in paths):
            seen += 1
            if seen == count:
                told = (path.removeprefix(watched) for path in paths)
                os.write(writer, " ".join((event, *told)).encode())
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    try:
        make()
    except BaseException as error:  # noqa: BLE001 - a fork must not return into its parent's code
        os.write(writer, repr(error).encode())
        os._exit(1)
    os._exit(0)


def versions(store: ModelStore) -> list[str]:
    """List the versions, each checked to be whole, or say what is wrong with one.

    The one that was made is "new", whatever it is called.
    """
    try:
        found = store.versions("m")
        for version in found:
            version.manifest.check_files(version.directory)
    except CorruptModel as error:
        return [str(error)]
    names = (version.manifest.version for version in found)
    return sorted(name if name in ("old", "next") else "new" for name in names)


def staged(store: ModelStore) -> list[str]:
    """List what is left in the staging directory."""
    return sorted(path.name for path in (store.home / "staging").glob("*"))
