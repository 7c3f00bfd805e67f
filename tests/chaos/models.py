"""What is served under faults: two versions of a model, and what their learners answer."""

import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np

from tests.once import once
from tests.service.small_learners import ask, shop_frame, shop_learner

MODEL, VERSIONS = "shop", ("one", "two")
# It lies in the store, and one of its files does not say what its manifest promises.
DAMAGED = "damaged"
_ITEMS = 24
_COLUMNS = ["shop", "size", "open", "price", "weight"]


@dataclass(frozen=True)
class Oracle:
    """What `learner.predict` answers.

    Attributes:
        items: rows, as users have them.
        probabilities: of each version, those of all items [n, classes].
    """

    items: Sequence[Any]
    probabilities: Mapping[str, Any]


def saved(folder: Path) -> tuple[Path, Oracle]:
    """Have the versions in a store in this folder; give the store, and what is right."""
    folder.mkdir(parents=True, exist_ok=True)
    store = folder / "store"

    def save(path: Path) -> None:
        os.environ["LEARNWIRE_HOME"] = str(store)
        items = shop_frame()[_COLUMNS].head(_ITEMS).to_dict("records")
        found = {}
        for version in VERSIONS:
            learner = shop_learner()
            lw.save_model(f"{MODEL}:{version}", learner)
            found[version] = np.stack([ask(learner, item)[1] for item in items])
        lw.save_model(f"{MODEL}:{DAMAGED}", learner)
        _damage(store / "models" / MODEL / DAMAGED / "network.onnx")
        path.write_bytes(pickle.dumps(Oracle(items, found)))

    return store, pickle.loads(once(folder / "oracle.pickle", save).read_bytes())


def _damage(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
