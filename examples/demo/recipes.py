"""The demo's three models: how each is trained, and what it is asked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from . import data, items, learners


@dataclass(frozen=True)
class Recipe:
    """How to make one model, and what to ask it.

    Attributes:
        name: the model's name in the store.
        task: what it tells.
        train: trains the learner.
        items: gives the items to compare answers on.
    """

    name: str
    task: str
    train: Callable[[], Any]
    items: Callable[[], Iterable[items.Item]]


RECIPES = (
    Recipe(
        name="sentiment",
        task="the mood of a movie review",
        train=lambda: learners.train_sentiment(data.reviews()),
        items=items.sentiment_items,
    ),
    Recipe(
        name="penguins",
        task="the species of a penguin",
        train=lambda: learners.train_penguins(data.penguins()),
        items=items.penguins_items,
    ),
    Recipe(
        name="digits",
        task="a handwritten digit",
        train=lambda: learners.train_digits(data.digits_folder()),
        items=items.digits_items,
    ),
)
