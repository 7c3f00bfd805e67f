"""The prediction plan: from checked items to predictions, all through one learner."""

import warnings
from collections.abc import Sequence
from typing import Any

from learnwire_client.prediction import AnyPrediction

from ..errors import NotServable
from ..signature import InputSpec, Signature
from ..validation import Item
from .kind import Kind
from .outputs import decode, output_spec
from .tabular import TabularKind
from .text import TextKind
from .vision import VisionKind

# fastai makes tensors of pandas' read-only arrays and only reads them.
warnings.filterwarnings("ignore", message="The given NumPy array is not writable")

_KINDS: tuple[Kind, ...] = (TabularKind(), TextKind(), VisionKind())


class Plan:
    """Predicts with one learner, item by item, exactly as `learner.predict` does.

    A learner keeps state while it predicts: one thread at a time may use a plan.
    """

    def __init__(self, learner: Any, signature: Signature) -> None:
        self.learner = learner
        self._signature = signature
        self._kind, _ = _kind_of(learner)

    def predict(self, items: Sequence[Item]) -> list[AnyPrediction]:
        """Predict checked items; whatever the learner raises comes through."""
        return [self._predict_one(item) for item in items]

    def _predict_one(self, item: Item) -> AnyPrediction:
        answer = self.learner.predict(self._kind.encode(item))
        return decode(self._signature.output, answer)


def signature_of(learner: Any) -> Signature:
    """Tell what a learner takes and what it answers.

    Raises:
        NotServable: it cannot be served; the message says why, and the way out.
    """
    _, spec = _kind_of(learner)
    return Signature(input=spec, output=output_spec(learner))


def example_items(learner: Any, spec: InputSpec) -> Sequence[Item]:
    """Make up a few items that the learner takes, without any training data."""
    kind, _ = _kind_of(learner)
    return kind.examples(learner, spec)


def _kind_of(learner: Any) -> tuple[Kind, InputSpec]:
    for kind in _KINDS:
        spec = kind.input_spec(learner)
        if spec is not None:
            return kind, spec
    raise NotServable(
        "only learners on text, on tables and on images can be served yet; this one's inputs are "
        f"{type(learner.dls.valid_ds).__name__}"
    )
