"""Which plan asks a learner that is not sealed: the fastest that proves to be exact."""

from collections.abc import Sequence
from typing import Any

from ..sealed.golden import Golden, disproof, replay
from ..sealed.plan import Choice, Plan, is_quick
from .adapter import Adapter
from .plan import LoaderPlan, SinglePlan, Unplanned


def choose(
    adapter: Adapter,
    examples: Sequence[Golden],
    plans: Sequence[type[Plan]] = (LoaderPlan,),
) -> Choice:
    """Choose among the plans; where none proves itself, the oracle serves.

    Args:
        adapter: stands before the learner.
        examples: what a plan must answer, each alone and all in batches.
        plans: the faster ones first.

    Raises:
        GoldenMismatch: even the learner itself answers an example differently than at save.
    """
    reasons: list[str] = []
    for make in plans:
        plan = _proven(make, adapter, examples, reasons)
        if plan is not None:
            return Choice(plan, tuple(reasons), is_quick(plan, examples[0].item))
    oracle = SinglePlan(adapter)
    replay(oracle, examples)
    return Choice(oracle, tuple(reasons))


def _proven(
    make: Any,
    adapter: Adapter,
    examples: Sequence[Golden],
    reasons: list[str],
) -> Plan | None:
    """Give a plan that answers the examples; say why it does not, or not as fast as it might."""
    try:
        plan: Plan = make(adapter)
    except Unplanned as error:
        reasons.append(f"{make.name}: {error}")
        return None
    except Exception as error:  # noqa: BLE001 - a learner may be odder than a plan expects
        reasons.append(f"{make.name}: it cannot be made: {error!r}")
        return None
    if problem := disproof(plan, examples):
        reasons.append(f"{make.name}: {problem}")
        return None
    return plan
