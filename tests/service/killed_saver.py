"""Saves or seals a model over and over in child processes, each killed one step later.

Usage: `python -m tests.service.killed_saver save LEARNER_FILE HOMES`, or `seal`; writes a report
of each step, as JSON. Each child has a copy of the same store below HOMES, so that all take the
same steps.

fastai is imported once, here; the children are forks, which is safe as long as torch has no
threads but the main one. A step is an event that Python's audit hooks see in the store: a file
opened to be written, a directory made, renamed or removed. One more is in the middle of the
pickling.
"""

import json
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import learnwire_service as lw
import torch
from fastai.callback.core import Callback
from fastai.learner import load_learner
from learnwire_service import CorruptModel
from learnwire_service.store.store import ModelStore

from tests.service import hand_made
from tests.service.small_learners import ROW

HALFWAY = "tests.halfway"
NEVER = sys.maxsize
# Whoever is killed before these leaves what he does before the next change.
READING = ("os.listdir", "os.scandir", "pathlib.Path.glob")


class Halfway(Callback):  # type: ignore[misc]  # fastai is untyped
    """Makes a step of its own pickling, when the learner's file has been begun."""

    def __getstate__(self) -> dict[str, Any]:
        sys.audit(HALFWAY, os.environ["LEARNWIRE_HOME"])
        return dict(self.__dict__)


def main(road: str, learner_file: Path, homes: Path) -> None:
    """Kill at the first step, the second, ... until one child lives to its end."""
    torch.set_num_threads(1)
    learner = load_learner(learner_file)
    learner.add_cb(Halfway())
    first = homes / "first"
    make_old = partial(lw.save_model, "m:old", learner, examples=[ROW])
    make_new = partial(lw.save_model, "m:new", learner, examples=[ROW])
    if road == "seal":
        make_new = partial(lw.seal_model, "m:old", keep_learner=False)
    made(make_old, first, NEVER)
    reports: list[dict[str, Any]] = []
    while not reports or reports[-1]["event"]:
        count = len(reports) + 1
        home = homes / str(count)
        shutil.copytree(first, home)
        event = made(make_new, home, count)
        reports.append({"event": event, **looked_at(home)})
    sys.stdout.write(json.dumps(reports))


def made(make: Callable[[], object], home: Path, count: int) -> str:
    """Make a version in a fork that dies at the given step; give that step's event, "" if none."""
    os.environ["LEARNWIRE_HOME"] = str(home)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        make_until(count, make, writer)
    os.close(writer)
    with os.fdopen(reader) as said:
        event = said.read()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        raise RuntimeError(f"it failed: {event}")
    return event


def make_until(count: int, make: Callable[[], object], writer: int) -> None:
    """Make a version, and die at the given step; tell the event of that step. Never returns."""
    home, seen = os.environ["LEARNWIRE_HOME"], 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        paths = [os.fspath(a) for a in arguments if isinstance(a, str | os.PathLike)]
        reads = event in READING or (event == "open" and arguments[1] == "r")
        if not reads and any(path.startswith(home) for path in paths):
            seen += 1
            if seen == count:
                told = (path.removeprefix(home) for path in paths)
                os.write(writer, " ".join((event, *told)).encode())
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    try:
        make()
    except BaseException as error:  # noqa: BLE001 - a fork must not return into its parent's code
        os.write(writer, repr(error).encode())
        os._exit(1)
    os._exit(0)


def looked_at(home: Path) -> dict[str, Any]:
    """Look at the store as a reader does after a kill, and then as the next saver."""
    store = ModelStore(home)
    whole = versions(store)
    debris = staged(store)
    hand_made.save(store, "m:next")
    return {
        "whole": whole,
        "debris": debris,
        "whole_after_next": versions(store),
        "debris_after_next": staged(store),
    }


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


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
