"""The plans that ask the learner itself."""

from collections.abc import Sequence
from typing import Any

from ..observe.tracing import network_done
from ..sealed.plan import Plan
from ..signature.answers import Outcome
from ..signature.validation import Item
from .adapter import Adapter, BuiltInAdapter


class Unplanned(Exception):
    """Raised where a plan does not know all that a learner does; the message says what."""


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
        self.signature = adapter.signature
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
        network_done()
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
        answer = self._adapter.ask(self._adapter.encode(item))
        network_done()
        return self._adapter.decode(answer)


def _attempt(call: Any, argument: Any) -> Any:
    """Give what a call returns, or what it raised."""
    try:
        return call(argument)
    except Exception as error:  # noqa: BLE001 - a learner may raise anything
        return error
