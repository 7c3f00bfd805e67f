"""The benchmark's models: how each is made, what it is asked, and where it is kept."""

import hashlib
import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import learnwire_service as lw
import pandas as pd

from examples.demo import learners as demo

from . import items, learners

CACHE = Path(__file__).parents[2] / ".cache" / "bench"

_LIBRARIES = ("fastai", "torch", "torchvision", "numpy", "pandas")
_UNARY_ITEMS = 256


@dataclass(frozen=True)
class Model:
    """One model.

    Attributes:
        name: what it is called here.
        build: makes the learner, with a folder for what it needs.
        make_items: makes so many items, as a DataFrame where they are rows.
        batches: the batch sizes of the bare model.
        many: the items of one `get_preds`.
        bulk: the items of one `client.predict_many`.
        seconds: how long one measurement of it takes.
    """

    name: str
    build: Callable[[Path], Any]
    make_items: Callable[[int], Any]
    batches: tuple[int, ...]
    many: int
    bulk: int
    seconds: float

    @property
    def tag(self) -> str:
        """Its name in the store."""
        return f"bench-{self.name}"

    @property
    def export(self) -> Path:
        """Where fastai's own export of it is."""
        return CACHE / f"{self.name}.pkl"


PENGUINS = Model(
    name="penguins",
    build=learners.build_penguins,
    make_items=items.penguins,
    batches=(1, 16, 64, 256, 1024, 4096),
    many=4096,
    bulk=100_000,
    seconds=2.5,
)
TEXT = Model(
    name="text",
    build=learners.build_text,
    make_items=items.texts,
    batches=(1, 2, 4, 8, 16, 32),
    many=32,
    bulk=128,
    seconds=5,
)
RESNET = Model(
    name="resnet",
    build=learners.build_resnet,
    make_items=items.images,
    batches=(1, 2, 4, 8, 16, 32, 64),
    many=64,
    bulk=512,
    seconds=2.5,
)
MODELS = (PENGUINS, TEXT, RESNET)


def prepare(model: Model) -> None:
    """Build, export and save a model, unless one of the same recipe is there."""
    recipe = _recipe()
    if model.export.exists() and recipe in _saved_recipes(model):
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    learner = model.build(CACHE)
    learner.export(model.export)
    with suppress(lw.ModelNotFound):
        lw.delete_model(model.tag)
    lw.save_model(model.tag, learner, labels={"recipe": recipe})


@cache
def many_items(model: Model, count: int) -> Any:
    """Give so many items at once; they are made the first time that a process asks."""
    return model.make_items(count)


@cache
def single_items(model: Model) -> list[Any]:
    """Give items for calls of one item each."""
    made = many_items(model, _UNARY_ITEMS)
    return [row for _, row in made.iterrows()] if isinstance(made, pd.DataFrame) else list(made)


def _saved_recipes(model: Model) -> list[str | None]:
    return [saved.manifest.labels.get("recipe") for saved in lw.list_models(model.tag)]


def _recipe() -> str:
    """Sum up what the learners depend on: these modules' text, and the libraries."""
    modules: tuple[ModuleType, ...] = (items, learners, demo)
    parts = [inspect.getsource(module) for module in modules]
    parts += [f"{library}=={version(library)}" for library in _LIBRARIES]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
