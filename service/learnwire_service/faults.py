"""Faults: one item may make the model fail on a whole batch, but it alone is to fail."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from .answers import Outcome, Outcomes
from .learners.plan import Plan, predict_all
from .request import Request


def predict(plan: Plan, batch: Sequence[Request]) -> list[Outcomes]:
    """Answer a batch, each request with as many outcomes as it has items.

    Where the model raises, or does not give an answer to each item, it is asked for each
    request by itself, and then for each item.
    """
    try:
        return _predict_together(plan, batch)
    except BaseException as error:  # noqa: BLE001 - a model may raise anything
        failure = as_exception(error)
    if len(batch) > 1:
        return [predict(plan, [request])[0] for request in batch]
    if batch[0].size == 1:
        return [[failure]]
    return [_predict_parts(plan, batch[0])]


def as_exception(error: BaseException) -> Exception:
    """Give an error that may be an item's outcome."""
    return error if isinstance(error, Exception) else RuntimeError(repr(error))


def _predict_together(plan: Plan, batch: Sequence[Request]) -> list[Outcomes]:
    sizes = [request.size for request in batch]
    answers = predict_all(plan, [request.work for request in batch], sum(sizes))
    ends = zip(accumulate(sizes), sizes, strict=True)
    return [answers[end - size : end] for end, size in ends]


def _predict_parts(plan: Plan, request: Request) -> Outcomes:
    try:
        parts = plan.parts(request.work)
        if len(parts) != request.size:
            raise ValueError(f"{len(parts)} parts of {request.size} items")
    except BaseException as error:  # noqa: BLE001 - as above
        return [as_exception(error)] * request.size
    return [_predict_part(plan, part) for part in parts]


def _predict_part(plan: Plan, part: Any) -> Outcome:
    try:
        [outcome] = plan.predict([part])
    except BaseException as error:  # noqa: BLE001 - as above
        return as_exception(error)
    return outcome
