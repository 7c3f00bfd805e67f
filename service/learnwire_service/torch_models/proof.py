"""Proof at save: that a method stands by its answers, and answers a batch as it does one by one."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..common.errors import NotServable
from ..runners.call import Call
from ..signature.agreement import arrays_disagree
from .calls import ModuleCalls
from .golden import Arrays, ask

_WAY_OUT = (
    'its rows must be answered each as if it were alone; name their dimension as "batch_dim", or '
    'save it with signatures={{"{method}": {{"batchable": False}}}}'
)


def check_steady(calls: ModuleCalls, call: Call) -> Arrays:
    """Make a call, and again after itself; give the answer.

    Raises:
        NotServable: it is answered differently, or not with numbers, or not with a row each.
    """
    try:
        first = ask(calls, call)
    except Exception as error:
        if call.options.batchable:
            raise _refused(call, f"its example failed ({error})") from error
        raise NotServable(
            f"{call.method} of what was saved failed on its example: {error}"
        ) from error
    if any(map(_has_nan, first)):
        raise NotServable(f"{call.method} answers its example with NaN")
    for _ in range(2):
        if problem := arrays_disagree(ask(calls, call), first):
            raise NotServable(
                f"{call.method} answers the same example differently the second time ({problem}): "
                "it draws at random, or keeps a state from call to call; have it begin afresh each "
                "time, in a module around it"
            )
    return first


def check_batches(calls: ModuleCalls, call: Call) -> None:
    """Make a call in batches with variations of it, and compare with each alone.

    Raises:
        NotServable: one is answered differently.
    """
    try:
        problem = _problem(calls, call)
    except Exception as error:  # noqa: BLE001 - a module may raise anything
        problem = f"beside others its example failed ({error})"
    if problem:
        raise _refused(call, problem)


def _problem(calls: ModuleCalls, call: Call) -> str | None:
    several = [call, *_rearranged(call), *_made_up(calls, call)]
    alone = [ask(calls, one) for one in several]
    order = list(range(len(several)))
    for batch in (order, order[::-1], [*order[1:], *order, *order[:1]], order[:1] * 2):
        results = iter(calls.predict([calls.encode(several[i]) for i in batch]))
        for i in batch:
            answer = list(islice(results, several[i].size))[-1]
            arrays = answer if isinstance(answer, tuple) else (answer,)
            if problem := arrays_disagree(arrays, alone[i]):
                return f"beside others a call is answered with {problem}"
    return None


def _refused(call: Call, problem: str) -> NotServable:
    return NotServable(
        f"{call.method} is not exact in batches along dimension {call.options.batch_dim}: "
        f"{problem}; {_WAY_OUT.format(method=call.method)}"
    )


def _rearranged(call: Call) -> list[Call]:
    """Make calls of the same rows: in reverse, the first alone, and all of them twice."""
    dim, rows = call.options.batch_dim, list(range(call.rows))
    return [
        _like(call, partial(np.take, indices=picked, axis=dim))
        for picked in (rows[::-1], rows[:1], rows * 2)
    ]


def _made_up(calls: ModuleCalls, call: Call) -> list[Call]:
    """Make calls of other values, as far as the module takes them."""
    random, dim = np.random.default_rng(0), call.options.batch_dim
    mixed_rows = _like(call, lambda array: _varied(random.permuted(array, axis=dim), random))
    mixed = _like(call, lambda array: _varied(random.permuted(array), random))
    return [one for one in (mixed_rows, mixed) if _takes(calls, one)]


def _takes(calls: ModuleCalls, call: Call) -> bool:
    try:
        return not any(_has_nan(array) for array in ask(calls, call))
    except Exception:  # noqa: BLE001 - a module may raise anything
        return False


def _like(call: Call, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Call:
    arguments = {key: change(array) for key, array in call.arguments.items()}
    return Call.of(call.method, call.options, arguments, ())


def _varied(array: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Make numbers smaller, so that they stay within bounds; those of classes are left alone."""
    if array.dtype.kind != "f":
        return array
    smaller = array * random.uniform(0.5, 1, array.shape)
    return (smaller if array.any() else random.normal(size=array.shape)).astype(array.dtype)


def _has_nan(array: NDArray[Any]) -> bool:
    return array.dtype.kind == "f" and bool(np.isnan(array).any())
