"""The predictor: what an engine asks, whatever it is that answers."""

from collections.abc import Sequence
from typing import Any, Protocol


class Predictor(Protocol):
    """Answers encoded work in batches; a plan is one, and so are the methods of a Runnable."""

    @property
    def max_cost(self) -> int:
        """The most that the work of one batch may cost together."""

    @property
    def encodes_apart(self) -> bool:
        """Whether work is better encoded in a thread of its own."""

    def cost(self, encoded: Any) -> int:
        """Tell what encoded work costs."""

    def predict(self, batch: Sequence[Any]) -> Sequence[Any]:
        """Answer encoded work in its order, with an outcome for each item of it.

        Raises:
            Exception: anything; then nothing was answered, and each may be asked by itself.
        """

    def parts(self, encoded: Any) -> Sequence[Any]:
        """Give the single items of encoded work; only itself where it cannot be taken apart."""


def predict_all(predictor: Predictor, batch: Sequence[Any], items: int) -> Sequence[Any]:
    """Ask a predictor, and count its answers against the items of the batch.

    Raises:
        ValueError: there are more or fewer.
        Exception: as Predictor.predict.
    """
    outcomes = predictor.predict(batch)
    if len(outcomes) != items:
        raise ValueError(f"{len(outcomes)} answers to {items} items")
    return outcomes
