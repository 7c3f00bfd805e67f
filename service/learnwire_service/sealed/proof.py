"""The same bits in any company: whether an answer depends on who shares its batch."""

import random
from collections.abc import Iterator, Sequence

from learnwire_client.prediction import AnyPrediction, Several

from ..answers import Outcome
from ..predictor import predict_all
from .golden import Golden
from .plan import Plan

_SIZES = (2, 3, 5, 8, 16, 33, 64)


def varies(plan: Plan, examples: Sequence[Golden], *, whole: bool = True) -> str | None:
    """Say where an answer has other bits alone than in company; None where none has.

    Args:
        plan: the plan, which answers the examples.
        examples: they keep each other company.
        whole: whether companies of several sizes and orders are tried, or one of all.
    """
    encoded = [plan.encode(example.item) for example in examples]
    alone = [_bits(plan.predict([one])[0]) for one in encoded]
    for places in _companies(len(examples), whole):
        outcomes = predict_all(plan, [encoded[i] for i in places], len(places))
        for place, (i, outcome) in enumerate(zip(places, outcomes, strict=True)):
            if _bits(outcome) != alone[i]:
                return (
                    f"golden example {i + 1} has other bits at place {place + 1} of a batch of "
                    f"{len(places)} than alone"
                )
    return None


def _companies(count: int, whole: bool) -> Iterator[list[int]]:
    """Give who comes together, by the examples' places."""
    yield list(range(count))
    if not whole:
        return
    choose = random.Random(0)  # noqa: S311 - reproducible, not secret
    for size in _SIZES:
        for _ in range(3):
            yield choose.choices(range(count), k=size)


def _bits(outcome: Outcome) -> bytes:
    if isinstance(outcome, Exception):
        raise outcome
    return b"".join(_bits_of(outcome))


def _bits_of(answer: AnyPrediction) -> Iterator[bytes]:
    if isinstance(answer, Several):
        for head in answer.heads:
            yield from _bits_of(head)
    else:
        yield answer.probabilities.tobytes()
