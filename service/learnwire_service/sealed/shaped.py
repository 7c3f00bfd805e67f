"""Plans for items that are arrays: those of one shape share a pass of the network."""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..signature.answers import Outcome, Outcomes, Stacked, joined
from .plan import Plan

# Of each input of the network one item's array.
Encoded: TypeAlias = tuple[NDArray[Any], ...]


class ShapedPlan(Plan):
    """Puts the arrays of several items together; an item costs its elements."""

    # On a core, resnet18 is at its best from 16 images of 64 pixels a side and from 4 of 224 on.
    max_cost = 600_000
    # So that a batch is no more than a thousand items, however small.
    _least_cost = max_cost // 1000

    def cost(self, encoded: Encoded) -> int:
        """Count the elements."""
        return max(size_of(encoded), self._least_cost)

    def predict(self, batch: Sequence[Encoded]) -> Sequence[Outcome]:
        """See Plan.predict; items of different shapes cannot share a pass of the network."""
        alike: dict[Any, list[int]] = {}
        for i, parts in enumerate(batch):
            alike.setdefault(tuple(part.shape for part in parts), []).append(i)
        answers = joined([self._answers(_stacked(batch, group)) for group in alike.values()])
        if len(alike) == 1:
            return answers
        order = np.argsort(list(chain(*alike.values())))
        return answers.taken(order) if isinstance(answers, Stacked) else _taken(answers, order)

    @abstractmethod
    def _answers(self, inputs: Sequence[NDArray[Any]]) -> Outcomes:
        """Answer items of one shape, which lie along the first axis of each input."""


def size_of(encoded: Encoded) -> int:
    """Count the elements of all arrays."""
    return sum(part.size for part in encoded)


def _stacked(batch: Sequence[Encoded], places: Sequence[int]) -> list[NDArray[Any]]:
    return [np.stack(parts) for parts in zip(*(batch[i] for i in places), strict=True)]


def _taken(answers: Sequence[Outcome], order: NDArray[np.int64]) -> list[Outcome]:
    return [answers[i] for i in order.tolist()]
