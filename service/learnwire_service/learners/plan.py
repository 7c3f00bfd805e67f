"""The prediction plan: from checked items to predictions, all through one learner."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from learnwire_client.prediction import AnyPrediction

from ..errors import NotServable
from ..validation import Item, Outcome
from .adapter import Adapter, BuiltInAdapter, find_adapter
from .arrays import ArrayAdapter
from .collab import CollabAdapter
from .tabular import TabularAdapter
from .text import TextAdapter, TextColumnsAdapter
from .vision import VisionAdapter

# fastai makes tensors of pandas' read-only arrays and only reads them.
warnings.filterwarnings("ignore", message="The given NumPy array is not writable")

# The first that serves a learner is taken; the name stands in the manifest.
_BUILT_IN: dict[str, type[BuiltInAdapter]] = {
    "collab": CollabAdapter,
    "tabular": TabularAdapter,
    "text_columns": TextColumnsAdapter,
    "text": TextAdapter,
    "vision": VisionAdapter,
    "arrays": ArrayAdapter,
}


class Plan:
    """Predicts with one learner, exactly as `learner.predict` does.

    A learner keeps state while it predicts: one thread at a time may use a plan.

    Attributes:
        batches: whether several items are asked at once; otherwise one by one.
    """

    def __init__(self, adapter: Adapter, *, batches: bool = True) -> None:
        self._adapter = adapter
        self.batches = batches

    @property
    def batch_items(self) -> int:
        """How many items of a long job are best asked for at once."""
        return self._adapter.batch_items if self.batches else Adapter.batch_items

    @property
    def learner(self) -> Any:
        """The learner behind it."""
        return self._adapter.learner

    def predict(self, items: Sequence[Item]) -> list[Outcome]:
        """Predict checked items; an item on which the learner raises has that as its outcome."""
        outcomes = [_attempt(self._adapter.encode, item) for item in items]
        good = [i for i, outcome in enumerate(outcomes) if not isinstance(outcome, Exception)]
        answers = self._ask([outcomes[i] for i in good])
        for i, answer in zip(good, answers, strict=True):
            outcomes[i] = answer
        return outcomes

    def predict_at_once(self, items: Sequence[Item]) -> list[Outcome] | None:
        """Predict good items in one batch; None where the learner does not take them together."""
        return self._ask_at_once([self._adapter.encode(item) for item in items])

    def _ask(self, encoded: Sequence[Any]) -> list[Outcome]:
        # One bad item may fail all of a batch: then each is asked by itself.
        at_once = self._ask_at_once(encoded) if self.batches and len(encoded) > 1 else None
        return at_once or [_attempt(self._ask_one, one) for one in encoded]

    def _ask_at_once(self, encoded: Sequence[Any]) -> list[Outcome] | None:
        answers = _attempt(self._adapter.ask_many, encoded)
        if isinstance(answers, Exception) or len(answers) != len(encoded):
            return None
        return [_attempt(self._adapter.decode, answer) for answer in answers]

    def _ask_one(self, encoded: Any) -> AnyPrediction:
        return self._adapter.decode(self._adapter.ask(encoded))


def _attempt(call: Callable[[Any], Any], argument: Any) -> Any:
    try:
        return call(argument)
    except Exception as error:  # noqa: BLE001 - a learner may raise anything
        return error


def adapter_name(learner: Any) -> str:
    """Name the built-in adapter for a learner.

    Raises:
        NotServable: there is none; the message says the way out.
    """
    for name, adapter in _BUILT_IN.items():
        if adapter.serves(learner):
            return name
    raise NotServable(
        "learners on text, tables, collaborative filtering, images and arrays are served as they "
        f"are; this one's items are {type(learner.dls.valid_ds).__name__}: write an adapter "
        "(save_model(..., adapter='package.module:Class'))"
    )


def adapter_class(name: str) -> type[Adapter]:
    """Find an adapter by the built-in's name, or by `package.module:Class`; see `find_adapter`."""
    return _BUILT_IN[name] if name in _BUILT_IN else find_adapter(name)
