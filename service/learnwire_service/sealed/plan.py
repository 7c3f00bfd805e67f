"""The prediction plan: how items become arrays, arrays an answer, for one model."""

import timeit
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..signature.answers import Outcome
from ..signature.columns import CheckedColumns
from ..signature.specs import Signature
from ..signature.validation import Item

_QUICK = 0.0005
_TRIALS = 5


class Plan(ABC):
    """Predicts with one model what `learner.predict` would, in batches.

    A plan is made when the model is loaded, and then proven on the golden examples. One thread
    at a time encodes, and one thread at a time predicts, perhaps another one.

    Attributes:
        name: what the plan is called, in logs and in GetModel.
        max_cost: the most that the items of one batch may cost together; more would take no
            less time an item, only more memory and patience.
        encodes_apart: whether encoding an item takes so long (far more than 50 us) that it is
            better done in a thread of its own, while the model works on another batch.
        signature: what the model takes and answers.
        measured: what it measures of each item, to tell drift by.
    """

    name: ClassVar[str]
    max_cost: int
    encodes_apart: ClassVar[bool] = False
    measured: ClassVar[tuple[str, ...]] = ()
    signature: Signature

    @abstractmethod
    def encode(self, item: Item) -> Any:
        """Bring an item that fits the signature to the arrays that the batch is made of.

        Raises:
            InvalidInput: the item turns out not to fit after all.
        """

    @abstractmethod
    def cost(self, encoded: Any) -> int:
        """Tell what an encoded item costs: tokens, pixels, rows; see the class."""

    @abstractmethod
    def predict(self, batch: Sequence[Any]) -> Sequence[Outcome]:
        """Answer encoded items, each with its own outcome, in their order.

        Raises:
            Exception: whatever the model raises; then nothing was answered, and each item
                may be asked by itself.
        """

    def input_size(self, encoded: Any) -> int:
        """Count the pixels or numbers that the network gets of an encoded item.

        Returns: 0 where it gets no more than of the model's own examples.
        """
        return 0

    def measures(self, encoded: Any) -> tuple[float, ...]:
        """Measure an encoded item; see `measured`."""
        return ()

    def parts(self, encoded: Any) -> Sequence[Any]:
        """Give the single items of what one `encode` made, where it can hold several."""
        return [encoded]


class ColumnPlan(Plan):
    """A plan that also takes many rows at once, as columns."""

    @abstractmethod
    def encode_columns(self, columns: CheckedColumns) -> Any:
        """Bring rows to the arrays that the batch is made of."""


@dataclass(frozen=True)
class Choice:
    """The plan that serves a model.

    Attributes:
        plan: the plan.
        reasons: why no faster one, a sentence for each.
        quick: whether it predicts one item in well under a millisecond.
        varies: why an answer's last bits may depend on who shares its batch; empty where
            they do not, None where nobody has looked.
        agrees: whether no golden example was seen to be answered differently than at save.
    """

    plan: Plan
    reasons: tuple[str, ...] = ()
    quick: bool = False
    varies: str | None = None
    agrees: bool = True


def is_quick(plan: Plan, item: Item) -> bool:
    """Tell whether a plan predicts one item in well under a millisecond."""
    work = plan.encode(item)
    return (
        not plan.encodes_apart
        and min(timeit.repeat(lambda: plan.predict([work]), number=1, repeat=_TRIALS)) < _QUICK
    )
