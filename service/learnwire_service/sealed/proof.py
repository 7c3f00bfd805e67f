"""What proves a sealed model: its golden examples, answered alone and in company."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from learnwire_client.prediction import AnyPrediction, Several

from ..common.errors import GoldenMismatch
from ..common.predictor import predict_all
from ..signature.answers import Outcome
from ..store.manifest import Proof
from .golden import Golden, problem_with
from .machine import here
from .plan import Plan

_SIZES = (2, 3, 5, 8, 16, 33, 64)


def prove(plan: Plan, examples: Sequence[Golden], *, whole: bool) -> Proof:
    """Let a plan answer golden examples, each alone and in company.

    Args:
        plan: the plan.
        examples: what it must answer; they keep each other company.
        whole: whether in companies of several sizes and orders, or in one of all.

    Returns: where it was proven, and whether an answer had other bits in company.

    Raises:
        GoldenMismatch: there are no examples, or it answers one otherwise.
    """
    if not examples:
        raise GoldenMismatch("there are no golden examples to prove it on")
    encoded = [_encoded(plan, i, example) for i, example in enumerate(examples)]
    alone = [_asked(plan, [one])[0] for one in encoded]
    for i, outcome in enumerate(alone):
        _check(plan, examples, i, outcome, "")
    varies = ""
    for places in _companies(len(examples), whole):
        outcomes = _asked(plan, [encoded[i] for i in places])
        for place, (i, outcome) in enumerate(zip(places, outcomes, strict=True), 1):
            if isinstance(outcome, Exception) or _bits(outcome) != _bits(alone[i]):
                where = f" at place {place} of a batch of {len(places)}"
                _check(plan, examples, i, outcome, where)
                varies = varies or f"golden example {i + 1} has other bits{where} than alone"
    return Proof(machine=here(), varies=varies)


def _encoded(plan: Plan, i: int, example: Golden) -> Any:
    try:
        return plan.encode(example.item)
    except Exception as error:
        raise GoldenMismatch(f"golden example {i + 1} is refused: {error!r}") from error


def _asked(plan: Plan, batch: Sequence[Any]) -> Sequence[Outcome]:
    """Predict as the engine does; a plan that raises has that as each one's outcome."""
    try:
        return predict_all(plan, batch, len(batch))
    except Exception as error:  # noqa: BLE001 - a network may raise anything
        return [error] * len(batch)


def _check(plan: Plan, examples: Sequence[Golden], i: int, outcome: Outcome, where: str) -> None:
    if problem := problem_with(plan, outcome, examples[i].answer):
        which = f"golden example {i + 1} of {len(examples)}"
        raise GoldenMismatch(f"{which} is answered{where} with {problem}")


def _companies(count: int, whole: bool) -> Iterator[list[int]]:
    """Give who comes together, by the examples' places."""
    yield [*range(count), 0]
    if whole:
        choose = random.Random(0)  # noqa: S311 - reproducible, not secret
        for size in _SIZES:
            yield choose.choices(range(count), k=size)


def _bits(outcome: Outcome) -> bytes:
    return b"" if isinstance(outcome, Exception) else b"".join(_bits_of(outcome))


def _bits_of(answer: AnyPrediction) -> Iterator[bytes]:
    if isinstance(answer, Several):
        for head in answer.heads:
            yield from _bits_of(head)
    else:
        yield from (np.asarray(part).tobytes() for part in (answer.index, answer.probabilities))
