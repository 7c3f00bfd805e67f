"""Faults: one item may make the model fail on a whole batch, but it alone is to fail."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from ..common.predictor import Predictor, predict_all
from .request import Request, Results


def predict(predictor: Predictor, batch: Sequence[Request]) -> list[Results]:
    """Answer a batch, each request with as many outcomes as it has items.

    Where the model raises, or does not give an answer to each item, it is asked for each
    request by itself, and then for each item, where the request can be taken apart.
    """
    try:
        return _predict_together(predictor, batch)
    except BaseException as error:  # noqa: BLE001 - a model may raise anything
        failure = as_exception(error)
    if len(batch) > 1:
        return [predict(predictor, [request])[0] for request in batch]
    return [_predict_parts(predictor, batch[0], failure)]


def as_exception(error: BaseException) -> Exception:
    """Give an error that may be an item's outcome."""
    return error if isinstance(error, Exception) else RuntimeError(repr(error))


def _predict_together(predictor: Predictor, batch: Sequence[Request]) -> list[Results]:
    sizes = [request.size for request in batch]
    answers = predict_all(predictor, [request.work for request in batch], sum(sizes))
    ends = zip(accumulate(sizes), sizes, strict=True)
    return [answers[end - size : end] for end, size in ends]


def _predict_parts(predictor: Predictor, request: Request, failure: Exception) -> Results:
    try:
        parts = predictor.parts(request.work)
        if len(parts) == 1:
            return [failure] * request.size
        if len(parts) != request.size:
            raise ValueError(f"{len(parts)} parts of {request.size} items")
    except BaseException as error:  # noqa: BLE001 - as above
        return [as_exception(error)] * request.size
    return [_predict_part(predictor, part) for part in parts]


def _predict_part(predictor: Predictor, part: Any) -> Any:
    try:
        [outcome] = predictor.predict([part])
    except BaseException as error:  # noqa: BLE001 - as above
        return as_exception(error)
    return outcome
