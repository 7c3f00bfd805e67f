"""Which plan serves a learner: the fastest that proves, on golden examples, to be exact."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..sealed.golden import Golden, disproof, replay
from ..sealed.plan import Choice, Plan, is_quick
from .adapter import Adapter
from .kinds import plan_classes
from .network import NetworkPlan, OnnxNetwork
from .plan import SinglePlan, Unplanned


@dataclass(frozen=True)
class CompiledNetwork:
    """A network for ONNX Runtime that a plan may ask instead of the learner's own.

    Attributes:
        path: its file.
        plan: the plan's name.
    """

    path: Path
    plan: str


def choose(
    adapter: Adapter,
    examples: Sequence[Golden],
    plans: Sequence[type[Plan]] | None = None,
    compiled: CompiledNetwork | None = None,
) -> Choice:
    """Choose among the plans; where none proves itself, the oracle serves.

    Args:
        adapter: stands before the learner.
        examples: what a plan must answer, each alone and all in batches.
        plans: the faster ones first; those of the adapter's kind where not given.
        compiled: the network that its plan asks, where that proves itself too.

    Raises:
        GoldenMismatch: even the learner itself answers an example differently than at save.
    """
    reasons: list[str] = []
    for make in plan_classes(adapter) if plans is None else plans:
        plan = _proven(make, adapter, examples, compiled, reasons)
        if plan is not None:
            return Choice(plan, tuple(reasons), is_quick(plan, examples[0].item))
    oracle = SinglePlan(adapter)
    replay(oracle, examples)
    return Choice(oracle, tuple(reasons))


def _proven(
    make: Any,
    adapter: Adapter,
    examples: Sequence[Golden],
    compiled: CompiledNetwork | None,
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
    if isinstance(plan, NetworkPlan) and compiled is not None and compiled.plan == plan.name:
        problem = _disproof_compiled(plan, examples, compiled.path)
        if problem is None:
            return plan
        reasons.append(f"{make.name} on ONNX Runtime: {problem}")
    if problem := disproof(plan, examples):
        reasons.append(f"{make.name}: {problem}")
        return None
    return plan


def _disproof_compiled(plan: NetworkPlan, examples: Sequence[Golden], path: Path) -> str | None:
    """Let a plan ask the compiled network; say why that does not do, and leave it as it was."""
    own = plan.network
    try:
        plan.use(OnnxNetwork(path))
    except Exception as error:  # noqa: BLE001 - made by another release, it may use anything
        return f"it does not load: {error!r}"
    problem = disproof(plan, examples)
    if problem is not None:
        plan.network = own
    return problem
