"""Which plan serves a learner: the fastest that proves, on golden examples, to be exact."""

import timeit
from collections.abc import Sequence
from dataclasses import dataclass

from .adapter import Adapter
from .golden import Golden, disproof, replay
from .kinds import plan_class
from .plan import LoaderPlan, Plan, SinglePlan, Unplanned

_QUICK = 0.0005
_TRIALS = 5


@dataclass(frozen=True)
class Choice:
    """The plan that serves a model.

    Attributes:
        plan: the plan.
        reasons: why no faster one, a sentence for each.
        quick: whether it predicts one item in well under a millisecond.
    """

    plan: Plan
    reasons: tuple[str, ...] = ()
    quick: bool = False


def choose(adapter: Adapter, examples: Sequence[Golden]) -> Choice:
    """Choose among the plans, the faster ones first; the last is the oracle itself.

    Args:
        adapter: stands before the learner.
        examples: what the plans must answer, each alone and all in batches.

    Raises:
        GoldenMismatch: even the learner itself answers an example differently than at save.
    """
    reasons: list[str] = []
    for make in [plan_class(adapter), LoaderPlan]:
        if make is None:
            continue
        try:
            plan = make(adapter)
        except Unplanned as error:
            problem: str | None = str(error)
        else:
            problem = disproof(plan, examples)
        if problem is None:
            return Choice(plan, tuple(reasons), _is_quick(plan, examples))
        reasons.append(f"{make.name}: {problem}")
    plan = SinglePlan(adapter)
    replay(plan, examples)
    return Choice(plan, tuple(reasons))


def _is_quick(plan: Plan, examples: Sequence[Golden]) -> bool:
    work = plan.encode(examples[0].item)
    return (
        not plan.encodes_apart
        and min(timeit.repeat(lambda: plan.predict([work]), number=1, repeat=_TRIALS)) < _QUICK
    )
