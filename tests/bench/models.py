"""The benchmark's models: how each is made, what it is asked, and where it is kept."""

import hashlib
import inspect
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import learnwire_service as lw
import pandas as pd

from examples.demo import data
from examples.demo import learners as demo

from . import items, learners
from .machine import versions

CACHE = Path(__file__).parents[2] / ".cache" / "bench"

_UNARY_ITEMS = 256


@dataclass(frozen=True)
class Learner:
    """One learner.

    Attributes:
        name: what it is called here.
        build: makes it, with a folder for what it needs.
    """

    name: str
    build: Callable[[Path], Any]

    @property
    def tag(self) -> str:
        """Its name in the store."""
        return f"bench-{self.name}"

    @property
    def export(self) -> Path:
        """Where fastai's own export of it is."""
        return CACHE / f"{self.name}.pkl"


@dataclass(frozen=True)
class Model:
    """One learner with the items that it is asked about.

    Attributes:
        name: what it is called here.
        learner: the learner.
        make_items: makes so many items, as a DataFrame where they are rows.
        batches: the batch sizes of the bare model.
        many: the items of one `get_preds`.
        bulk: the items of one `client.predict_many`.
        seconds: how long one measurement of it takes.
        tokens: how many there are in each item, where it is a text of a fixed length.
    """

    name: str
    learner: Learner
    make_items: Callable[[int], Any]
    batches: tuple[int, ...]
    many: int
    bulk: int
    seconds: float
    tokens: int | None = None

    @property
    def tag(self) -> str:
        """The learner's name in the store."""
        return self.learner.tag


PENGUINS = Model(
    name="penguins",
    learner=Learner("penguins", learners.build_penguins),
    make_items=items.penguins,
    batches=(1, 16, 64, 256, 1024, 4096),
    many=4096,
    bulk=100_000,
    seconds=2.5,
)
TEXT = Model(
    name="text",
    learner=Learner("text", learners.build_text),
    make_items=items.texts,
    batches=(1, 2, 4, 8, 16, 32),
    many=32,
    bulk=128,
    seconds=5,
    tokens=items.TOKENS,
)
SHORT_TEXT = replace(
    TEXT,
    name="text, 20 tokens",
    make_items=items.short_texts,
    batches=(1, 16, 32),
    seconds=3,
    tokens=items.FEW_TOKENS,
)
LONG_TEXT = replace(
    TEXT,
    name="text, 200 tokens",
    make_items=items.long_texts,
    batches=(1, 16, 32),
    tokens=items.MANY_TOKENS,
)
# Of many lengths: the bare model has no batches of them that are right.
MIXED_TEXT = replace(
    TEXT, name="text, 8 to 108 tokens", make_items=items.mixed_texts, batches=(), tokens=None
)
SENTIMENT = Model(
    name="sentiment",
    learner=Learner("sentiment", learners.build_sentiment),
    make_items=items.reviews,
    batches=(),
    many=32,
    bulk=1024,
    seconds=2.5,
)
RESNET = Model(
    name="resnet",
    learner=Learner("resnet", learners.build_resnet),
    make_items=items.images,
    batches=(1, 2, 4, 8, 16, 32, 64),
    many=64,
    bulk=512,
    seconds=2.5,
)
POINTS = replace(
    RESNET,
    name="points",
    learner=Learner("points", learners.build_points),
    batches=(1, 16),
    bulk=256,
)
UNET = replace(
    RESNET,
    name="U-Net",
    learner=Learner("unet", learners.build_unet),
    batches=(1, 16),
    bulk=64,
    seconds=4,
)


def settle() -> None:
    """Have all processes that are started from here use one thread each, and a store of ours."""
    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "LEARNWIRE_HOME": str(CACHE / "store"),
        "LEARNWIRE_CACHE": str(CACHE / "machine"),
    }


def prepare(learner: Learner) -> None:
    """Build, export and save a learner, unless one of the same recipe is there."""
    if learner.export.exists() and recipe() in _saved_recipes(learner):
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    built = learner.build(CACHE)
    built.export(learner.export)
    with suppress(lw.ModelNotFound):
        lw.delete_model(learner.tag)
    lw.save_model(learner.tag, built, labels={"recipe": recipe()})


def backend(learner: Learner) -> str:
    """Tell what runs the network of a saved learner."""
    return "ONNX Runtime" if lw.get(learner.tag).manifest.is_sealed else "PyTorch"


@cache
def many_items(model: Model, count: int) -> Any:
    """Give so many items at once; they are made the first time that a process asks."""
    return model.make_items(count)


@cache
def single_items(model: Model) -> list[Any]:
    """Give items for calls of one item each."""
    made = many_items(model, _UNARY_ITEMS)
    return [row for _, row in made.iterrows()] if isinstance(made, pd.DataFrame) else list(made)


@cache
def recipe() -> str:
    """Sum up what the saved models depend on: these modules, the service, and the libraries."""
    modules: tuple[ModuleType, ...] = (items, learners, demo, data)
    parts = [inspect.getsource(module) for module in modules]
    parts += [path.read_text() for path in sorted(Path(lw.__file__).parent.rglob("*.py"))]
    parts += [f"{library}=={version}" for library, version in versions().items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _saved_recipes(learner: Learner) -> list[str | None]:
    return [saved.manifest.labels.get("recipe") for saved in lw.list_models(learner.tag)]
