"""Whether something of the user's own sees several items, where `learner.predict` shows it one.

What it makes of an item may then depend on others, and examples that happen to be alike would
never tell.
"""

from collections.abc import Iterable
from typing import Any

from fastai.learner import Learner
from fastai.tabular.learner import TabularLearner
from fastai.text.learner import TextLearner

_PREDICTS = {kind.predict for kind in (Learner, TabularLearner, TextLearner)}


def why_alone(learner: Any) -> str | None:
    """Say why a learner must be asked for one item at a time; None where it need not."""
    predict = getattr(learner.predict, "__func__", None)
    if predict not in _PREDICTS:
        return "it has a predict of its own, which takes one item"
    loader = learner.dls.valid
    seen = [*_steps(loader, "before_batch"), *_own_steps(_steps(loader, "after_batch"))]
    return f"what {seen[0].name} makes of an item may depend on others" if seen else None


def _own_steps(steps: Iterable[Any]) -> list[Any]:
    """Give those of a pipeline's transforms that are not fastai's."""
    return [step for step in steps if not type(step).__module__.startswith("fastai.")]


def _steps(loader: Any, name: str) -> list[Any]:
    return list(getattr(getattr(loader, name, None), "fs", ()))
