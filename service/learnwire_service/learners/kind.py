"""What every learner kind tells of itself: the seam between fastai's kinds and the rest."""

from collections.abc import Sequence
from typing import Any, Protocol

from ..signature import InputSpec
from ..validation import Item


class Kind(Protocol):
    """One kind of learner: what it takes, and how `learner.predict` wants it."""

    def input_spec(self, learner: Any) -> InputSpec | None:
        """Tell what the learner takes; None where it is of another kind."""

    def examples(self, learner: Any, spec: InputSpec) -> Sequence[Item]:
        """Make up a few items from the learner's transforms, never from training data."""

    def encode(self, item: Item) -> Any:
        """Bring a checked item to the form that `learner.predict` takes."""
