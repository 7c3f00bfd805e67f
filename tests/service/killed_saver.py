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
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import learnwire_service as lw
import torch
from fastai.callback.core import Callback
from fastai.learner import load_learner
from learnwire_service.store.store import ModelStore

from tests.service import hand_made
from tests.service.killed import NEVER, made, staged, versions
from tests.service.small_learners import ROW

HALFWAY = "tests.halfway"


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


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
