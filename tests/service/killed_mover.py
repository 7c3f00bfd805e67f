"""Pushes or pulls a version over and over in child processes, each killed one step later.

Usage: `python -m tests.service.killed_mover push FOLDER`, or `pull`; writes a report of each step,
as JSON. A step is an event that Python's audit hooks see in the remote store, the cache or the
store: a file opened to be written, a directory made, renamed or removed.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from learnwire_service.models.sharing import list_remote, pull_model, push_model
from learnwire_service.store.store import ModelStore

from tests.service import hand_made
from tests.service.killed import made, staged, versions


def main(road: str, folder: Path) -> None:
    """Kill at the first step, the second, ... until one child lives to its end."""
    os.environ["LEARNWIRE_HOME"] = str(folder / "from")
    hand_made.save(ModelStore(), "m:new")
    whole = folder / "remote"
    if road == "pull":
        push_model("m", str(whole))
    reports: list[dict[str, Any]] = []
    while not reports or reports[-1]["event"]:
        place = folder / str(len(reports) + 1)
        place.mkdir()
        os.environ["LEARNWIRE_CACHE"] = str(place / "cache")
        remote = whole if road == "pull" else place / "remote"
        move = partial(pull_model if road == "pull" else push_model, "m", str(remote))
        home = place / "home"
        if road == "push":
            shutil.copytree(folder / "from", home)
        reports.append(report(move, home, place, remote, len(reports) + 1))
    sys.stdout.write(json.dumps(reports))


def report(
    move: Callable[[], object], home: Path, place: Path, remote: Path, count: int
) -> dict[str, Any]:
    """Kill a child, look as a reader does, have another one finish, and look again."""
    event = made(move, home, count, watched=place)
    seen = [str(one.tag) for one in list_remote(str(remote))]
    there = versions(ModelStore(home))
    move()
    os.environ["LEARNWIRE_HOME"] = str(place / "reader")
    found = pull_model("m", str(remote))
    found.manifest.check_files(found.directory)
    return {
        "event": event,
        "seen": seen,
        "there": there,
        "there_after": versions(ModelStore(home)),
        "debris": staged(ModelStore(home)) + sorted(map(str, (place / "cache").rglob("parts/*"))),
    }


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
