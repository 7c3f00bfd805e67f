"""Compiles a plan's network for ONNX Runtime, and finds by trial whether that is faster."""

import timeit
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import geometric_mean
from typing import Any, TypeAlias

from numpy.typing import NDArray

from ..errors import in_a_line
from ..sealed.golden import Golden, disproof
from ..sealed.plan import Choice
from ..store.disk import is_full
from ..store.manifest import Backend, Compiled, File, Timing
from .network import Network, NetworkPlan, OnnxNetwork

_Calls: TypeAlias = list[tuple[NDArray[Any], ...]]

_SEVERAL = 3
# With how many items both are tried, until a pair of trials takes longer than so many seconds.
_SIZES, _LONGEST = (1, 4, 16, 64), 0.25
_PAIRS = 7
# ONNX Runtime is also preferred where it is as fast: it keeps one copy of the weights less.
_AS_FAST = 1.03


def compile_network(choice: Choice, examples: Sequence[Golden], directory: Path) -> Compiled:
    """Write the network of a plan into a directory, and try it; the plan stays as it was.

    Args:
        choice: a plan that answers the examples, and why no faster one does.
        examples: what the compiled network must answer, each alone and all in batches.
        directory: where its file is to be.

    Returns: what came of it; the file is there if and only if it says so.
    """
    plan = choice.plan
    if not isinstance(plan, NetworkPlan):
        reasons = "; ".join((f"the plan {plan.name} asks the learner itself", *choice.reasons))
        return Compiled(plan=plan.name, reason=reasons)
    path = directory / "network.onnx"
    try:
        typical = _typical(plan, examples)
        plan.write_onnx(_calls(plan, typical, _SEVERAL)[0], path)
        network = OnnxNetwork(path)
        problem = _disproof(plan, network, examples)
    except Exception as error:
        # A network may be odder than an exporter expects, but a full disk is no fault of its.
        if is_full(directory, error):
            raise
        problem = f"it does not export: {in_a_line(error)}"
    if problem is not None:
        path.unlink(missing_ok=True)
        return Compiled(plan=plan.name, reason=problem)
    trial = _trial(plan, network, typical)
    # So that another network has another name.
    path = path.rename(directory / f"network-{File.of(path).sha256[:12]}.onnx")
    return Compiled(plan=plan.name, file=path.name, backend=_faster(trial), trial=trial)


def _typical(plan: NetworkPlan, examples: Sequence[Golden]) -> Golden:
    asked = [example for example in examples if _calls(plan, example, 1)]
    by_cost = sorted(asked, key=lambda example: plan.cost(plan.encode(example.item)))
    if not by_cost:
        raise ValueError("no golden example is asked of the network")
    return by_cost[len(by_cost) // 2]


def _disproof(plan: NetworkPlan, network: OnnxNetwork, examples: Sequence[Golden]) -> str | None:
    with _restored(plan):
        plan.use(network)
        return disproof(plan, examples)


def _trial(plan: NetworkPlan, network: OnnxNetwork, typical: Golden) -> tuple[Timing, ...]:
    timings: list[Timing] = []
    for items in _SIZES:
        calls = _calls(plan, typical, items)
        own, compiled = _paired([partial(_ask, each, calls) for each in (plan.network, network)])
        timings.append(Timing(items=items, torch_ms=1000 * own, onnx_ms=1000 * compiled))
        if own + compiled > _LONGEST:
            break
    return tuple(timings)


def _paired(calls: Sequence[partial[None]]) -> list[float]:
    """Time calls in turn, so that a drift of the machine hits all; give each one's best."""
    times = [[timeit.timeit(call, number=1) for call in calls] for _ in range(_PAIRS)]
    return [min(own) for own in zip(*times, strict=True)]


def _faster(trial: Sequence[Timing]) -> Backend:
    slower = geometric_mean([timing.onnx_ms / timing.torch_ms for timing in trial])
    return "onnx" if slower < _AS_FAST else "torch"


def _ask(network: Network, calls: _Calls) -> None:
    for inputs in calls:
        network(*inputs)


def _calls(plan: NetworkPlan, example: Golden, items: int) -> _Calls:
    """Give what a plan gives its network for a batch of so many copies of an example."""
    calls: _Calls = []
    with _restored(plan):
        own = plan.network

        def noted(*inputs: NDArray[Any]) -> Sequence[NDArray[Any]]:
            calls.append(inputs)
            return own(*inputs)

        plan.network = noted
        plan.predict([plan.encode(example.item)] * items)
    return calls


@contextmanager
def _restored(plan: NetworkPlan) -> Iterator[None]:
    own = plan.network
    try:
        yield
    finally:
        plan.network = own
