"""Answers of a test as the columns of a chunk."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import PredictManyResponse

from ..answers import Answer, encode_prediction
from ..arrays import AnyArray, encode_array
from ..errors import CallError
from ..prediction import AnyPrediction, MultiLabel, Regression, SingleLabel
from .script import to_status


def fill(chunk: PredictManyResponse, answers: Sequence[Answer], classes: int) -> None:
    """Put answers, and the errors among them, into a chunk.

    Args:
        chunk: knows its first index.
        answers: one for each of its items.
        classes: how many classes the model's description names.
    """
    good = [answer for answer in answers if not isinstance(answer, CallError)]
    layouts = {(type(answer), len(answer.probabilities)) for answer in good}
    kind = type(good[0]) if len(layouts) == 1 else None
    # Whoever reads a mask needs the names of its classes.
    known = kind is not MultiLabel or classes
    (_COLUMNS.get(kind, _whole) if known else _whole)(chunk, answers)
    for i, answer in enumerate(answers, chunk.first_index):
        if isinstance(answer, CallError):
            chunk.errors.add(index=i).status.CopyFrom(to_status(answer))
        elif answer.warnings:
            chunk.warnings.add(index=i, warnings=answer.warnings)


def _single_labels(chunk: PredictManyResponse, answers: Sequence[Answer]) -> None:
    columns = chunk.single_labels
    columns.labels.extend("" if isinstance(a, CallError) else a.label for a in answers)
    indices = [-1 if isinstance(a, CallError) else a.index for a in answers]
    columns.indices.CopyFrom(encode_array(np.array(indices, np.int64)))
    columns.probabilities.CopyFrom(encode_array(_stacked(answers, _probabilities, np.nan)))


def _multi_labels(chunk: PredictManyResponse, answers: Sequence[Answer]) -> None:
    columns = chunk.multi_labels
    columns.masks.CopyFrom(encode_array(_stacked(answers, lambda answer: answer.index, False)))
    columns.probabilities.CopyFrom(encode_array(_stacked(answers, _probabilities, np.nan)))


def _regressions(chunk: PredictManyResponse, answers: Sequence[Answer]) -> None:
    chunk.regressions.values.CopyFrom(encode_array(_stacked(answers, _probabilities, np.nan)))


def _whole(chunk: PredictManyResponse, answers: Sequence[Answer]) -> None:
    chunk.predictions.SetInParent()
    for answer in answers:
        message = pb.Prediction() if isinstance(answer, CallError) else encode_prediction(answer)
        message.ClearField("warnings")
        chunk.predictions.predictions.append(message)


_COLUMNS: dict[type | None, Callable[[PredictManyResponse, Sequence[Answer]], None]] = {
    SingleLabel: _single_labels,
    MultiLabel: _multi_labels,
    Regression: _regressions,
}


def _probabilities(answer: AnyPrediction) -> AnyArray:
    return answer.probabilities


def _stacked(
    answers: Sequence[Answer], part: Callable[[AnyPrediction], Any], filler: float | bool
) -> AnyArray:
    """Stack a part of each answer; the rows of those that failed have the filler."""
    parts = [None if isinstance(answer, CallError) else part(answer) for answer in answers]
    empty = np.full_like(next(one for one in parts if one is not None), filler)
    return np.stack([empty if one is None else one for one in parts])
