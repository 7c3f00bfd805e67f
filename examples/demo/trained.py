"""Trained models: kept in the demo's cache, as fastai exports them, and in Learnwire's store."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import learnwire_service as lw

from . import learners
from .data import CACHE
from .recipes import Recipe


@dataclass(frozen=True)
class Trained:
    """A trained model.

    Attributes:
        name: its name.
        accuracy: the share of held-out items that it labelled right after training.
        tag: its version in the store, `name:version`.
    """

    name: str
    accuracy: float
    tag: str

    def load(self) -> Any:
        """Load the learner that fastai exported into the cache; the store has no part in it."""
        return learners.load(_export(self.name))


def prepare(recipe: Recipe) -> Trained:
    """Train the model unless the cache has it, and save it unless the store has it."""
    note = CACHE / f"{recipe.name}.json"
    trained = Trained(**json.loads(note.read_text())) if note.exists() else _train(recipe)
    if not _is_stored(trained.tag):
        # Of an export it is unknown that training had nulls.
        tag = _save(recipe, trained.load(), trained.accuracy, nulls="allow")
        trained = replace(trained, tag=tag)
    # Written last: what was cut short before is begun anew.
    note.write_text(json.dumps(asdict(trained)))
    return trained


def _train(recipe: Recipe) -> Trained:
    learner = recipe.train()
    accuracy = learners.accuracy_of(learner)
    learner.export(_export(recipe.name))
    return Trained(recipe.name, accuracy, _save(recipe, learner, accuracy))


def _save(
    recipe: Recipe, learner: Any, accuracy: float, nulls: Literal["refuse", "allow"] = "refuse"
) -> str:
    model = lw.save_model(
        recipe.name,
        learner,
        labels={"task": recipe.task},
        metadata={"accuracy": accuracy},
        nulls=nulls,
    )
    return model.tag


def _is_stored(tag: str) -> bool:
    try:
        lw.get(tag)
    except lw.ModelNotFound:
        return False
    return True


def _export(name: str) -> Path:
    return CACHE / f"{name}.pkl"
