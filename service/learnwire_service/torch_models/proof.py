"""Proof at save: that a method stands by its answers, and answers a batch as it does one by one."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..agreement import arrays_disagree
from ..errors import NotServable
from ..runners.call import Call
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
    if any(np.isnan(array).any() for array in first if array.dtype.kind == "f"):
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
        problem = _problem(calls, [call, *_variations(call)])
    except Exception as error:  # noqa: BLE001 - a module may raise anything
        problem = f"beside others its example failed ({error})"
    if problem:
        raise _refused(call, problem)


def _problem(calls: ModuleCalls, several: Sequence[Call]) -> str | None:
    alone = [ask(calls, call) for call in several]
    order = list(range(len(several)))
    for batch in (order, order[::-1], [*order[1:], *order, *order[:1]], order[:1] * 2):
        work = [calls.encode(several[i]) for i in batch]
        results = iter(calls.predict(work))
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


def _variations(call: Call) -> list[Call]:
    """Make calls of other values, other order and another number of rows, of the same kind."""
    random = np.random.default_rng(0)
    dim = call.options.batch_dim
    rows = list(range(call.rows))
    made = []
    for picked, varied in ((rows[::-1], False), (rows, True), (rows[:1], True), (rows * 2, False)):
        arguments = {
            key: _varied(np.take(array, picked, dim), random)
            if varied
            else np.take(array, picked, dim)
            for key, array in call.arguments.items()
        }
        made.append(Call.of(call.method, call.options, arguments, ()))
    return made


def _varied(array: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Mix the values of an array: they stay within the bounds of what there was."""
    mixed = random.permutation(array.ravel()).reshape(array.shape)
    if array.dtype.kind != "f" or not array.size:
        return mixed
    if array.min() == array.max():
        return (array + random.normal(size=array.shape)).astype(array.dtype)
    share = random.uniform(0, 1, array.shape)
    return (array * share + mixed * (1 - share)).astype(array.dtype)
