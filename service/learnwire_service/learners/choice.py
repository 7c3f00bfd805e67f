"""Which plan serves a learner: the fastest that proves, on golden examples, to be exact."""

import timeit
from collections.abc import Sequence
from dataclasses import dataclass

from .adapter import Adapter
from .golden import Golden, disproof, replay
from .kinds import plan_classes
from .plan import Plan, SinglePlan, Unplanned

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


def choose(
    adapter: Adapter, examples: Sequence[Golden], plans: Sequence[type[Plan]] | None = None
) -> Choice:
    """Choose among the plans; where none proves itself, the oracle serves.

    Args:
        adapter: stands before the learner.
        examples: what a plan must answer, each alone and all in batches.
        plans: the faster ones first; those of the adapter's kind where not given.

    Raises:
        GoldenMismatch: even the learner itself answers an example differently than at save.
    """
    reasons: list[str] = []
    for make in plan_classes(adapter) if plans is None else plans:
        found = _proven(make, adapter, examples)
        if isinstance(found, Plan):
            return Choice(found, tuple(reasons), _is_quick(found, examples))
        reasons.append(f"{make.name}: {found}")
    oracle = SinglePlan(adapter)
    replay(oracle, examples)
    return Choice(oracle, tuple(reasons))


def _proven(make: type[Plan], adapter: Adapter, examples: Sequence[Golden]) -> Plan | str:
    """Give a plan that answers the examples, or say why it does not."""
    try:
        plan = make(adapter)
    except Unplanned as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a learner may be odder than a plan expects
        return f"it cannot be made: {error!r}"
    return disproof(plan, examples) or plan


def _is_quick(plan: Plan, examples: Sequence[Golden]) -> bool:
    work = plan.encode(examples[0].item)
    return (
        not plan.encodes_apart
        and min(timeit.repeat(lambda: plan.predict([work]), number=1, repeat=_TRIALS)) < _QUICK
    )
