"""The prediction plan: how items become arrays, arrays an answer, for one learner."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from ..answers import Outcome
from ..columns import CheckedColumns
from ..store.manifest import Backend
from ..validation import Item
from .adapter import Adapter, BuiltInAdapter


class Unplanned(Exception):
    """Raised where a plan does not know all that a learner does; the message says what."""


class Plan(ABC):
    """Predicts with one learner what `learner.predict` would, in batches.

    A plan is made when the model is loaded, and then proven on the golden examples. One thread
    at a time encodes, and one thread at a time predicts, perhaps another one.

    Attributes:
        name: what the plan is called, in logs and in GetModel.
        max_cost: the most that the items of one batch may cost together; more would take no
            less time an item, only more memory and patience.
        encodes_apart: whether encoding an item takes so long (far more than 50 us) that it is
            better done in a thread of its own, while the model works on another batch.
        learner: the Learner.
    """

    name: ClassVar[str]
    max_cost: int
    encodes_apart: ClassVar[bool] = False

    def __init__(self, adapter: Adapter) -> None:
        """Make the plan for an adapter's learner.

        Raises:
            Unplanned: the learner does something that this plan does not know.
        """
        self.learner = adapter.learner
        self.signature = adapter.signature

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
            Exception: whatever the learner raises; then nothing was answered, and each item
                may be asked by itself.
        """

    def input_size(self, encoded: Any) -> int:
        """Count the pixels or numbers that the network gets of an encoded item.

        Returns: 0 where it gets no more than of the model's own examples.
        """
        return 0

    def parts(self, encoded: Any) -> Sequence[Any]:
        """Give the single items of what one `encode` made, where it can hold several."""
        return [encoded]

    @property
    def backend(self) -> Backend:
        """What runs the learner's network."""
        return "torch"


class ColumnPlan(Plan):
    """A plan that also takes many rows at once, as columns."""

    @abstractmethod
    def encode_columns(self, columns: CheckedColumns) -> Any:
        """Bring rows to the arrays that the batch is made of."""


class AdapterPlan(Plan):
    """Asks the learner itself, through its adapter: slow, and right by definition."""

    def encode(self, item: Item) -> Any:
        """Leave it to `predict`: an adapter's methods are called in one thread."""
        return item

    def cost(self, encoded: Any) -> int:
        """Count the items."""
        return 1

    def __init__(self, adapter: Adapter) -> None:
        """Make the plan; it serves every learner."""
        super().__init__(adapter)
        self._adapter = adapter

    def input_size(self, encoded: Any) -> int:
        """See Plan.input_size."""
        return self._adapter.input_size(encoded)

    def _encoded(self, batch: Sequence[Item]) -> list[Any]:
        return [_attempt(self._adapter.encode, item) for item in batch]


class LoaderPlan(AdapterPlan):
    """Asks for several items at once, through the learner's own loaders and validation loop."""

    name = "loader"

    def __init__(self, adapter: Adapter) -> None:
        """Make the plan, where the adapter says how several items are asked."""
        super().__init__(adapter)
        if type(adapter).ask_many is Adapter.ask_many:
            cure = "" if isinstance(adapter, BuiltInAdapter) else "; write its ask_many"
            raise Unplanned(f"the adapter asks item by item{cure}")
        if isinstance(adapter, BuiltInAdapter) and (why := adapter.why_alone()):
            raise Unplanned(why)
        self.max_cost = adapter.batch_items

    def predict(self, batch: Sequence[Item]) -> Sequence[Outcome]:
        """Ask for all items together; see Plan.predict."""
        outcomes = self._encoded(batch)
        good = [i for i, one in enumerate(outcomes) if not isinstance(one, Exception)]
        answers = self._adapter.ask_many([outcomes[i] for i in good]) if good else []
        for i, answer in zip(good, answers, strict=True):
            outcomes[i] = _attempt(self._adapter.decode, answer)
        return outcomes


class SinglePlan(AdapterPlan):
    """Asks for one item at a time, as `learner.predict` does: the oracle."""

    name = "single"
    max_cost = 1

    def predict(self, batch: Sequence[Item]) -> Sequence[Outcome]:
        """Ask for each item by itself; see Plan.predict."""
        return [_attempt(self._answer, item) for item in batch]

    def _answer(self, item: Item) -> Outcome:
        return self._adapter.decode(self._adapter.ask(self._adapter.encode(item)))


def _attempt(call: Any, argument: Any) -> Any:
    """Give what a call returns, or what it raised."""
    try:
        return call(argument)
    except Exception as error:  # noqa: BLE001 - a learner may raise anything
        return error
