"""The models that are sent odd things: one of each kind, trained and saved once."""

import os
import pickle
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import learnwire_service as lw

from tests.end_to_end.kinds import KINDS
from tests.once import once

# All but the one that is asked one item at a time, and takes most of the time.
_NAMES = [name for name in KINDS if name != "series-through-an-adapter"]
_ITEMS = 3
_LONGEST = 5000


def saved(folder: Path) -> Mapping[str, Sequence[Any]]:
    """Have the models in a store in this folder, which becomes this process's store.

    Returns: some of the items of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["LEARNWIRE_HOME"] = str(folder / "store")
    items: Mapping[str, Sequence[Any]] = pickle.loads(
        once(folder / "items.pickle", _save).read_bytes()
    )
    return items


def swapped(folder: Path) -> Sequence[str]:
    """Have two versions of one model in that store; give their tags."""
    tags = ["swapped:one", "swapped:two"]

    def save(path: Path) -> None:
        learner = KINDS["rows-to-a-label"]().learner
        for tag in tags:
            lw.save_model(tag, learner)
        path.touch()

    once(folder / "swapped", save)
    return tags


def _save(path: Path) -> None:
    items = {}
    for name in _NAMES:
        kind = KINDS[name]()
        runner = lw.save_model(name, kind.learner).to_runner()
        items[name] = list(islice((one for one in kind.items if _is_fine(runner, one)), _ITEMS))
    path.write_bytes(pickle.dumps(items))


def _is_fine(runner: Any, item: Any) -> bool:
    """Tell whether a model takes an item, which is a small one."""
    if len(str(item)) >= _LONGEST:
        return False
    [outcome] = runner.predict.run_batch([item])
    return not isinstance(outcome, Exception)
