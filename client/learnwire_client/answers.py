"""Answers from the wire to predictions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import compress
from typing import TypeAlias

import numpy as np
from learnwire.v1 import io_pb2
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import PredictManyResponse
from numpy.typing import DTypeLike

from .arrays import AnyArray, decode_array
from .errors import CallError, FieldError, below
from .prediction import (
    AnyPrediction,
    Classes,
    Mask,
    MultiLabel,
    Points,
    Regression,
    Several,
    SingleLabel,
)
from .status import from_status

Answer: TypeAlias = AnyPrediction | CallError
# Gives the names of the classes of a model, which is named `name:version`.
ClassesOf: TypeAlias = Callable[[str], Sequence[str]]


def decode_prediction(message: pb.Prediction, classes_of: ClassesOf) -> AnyPrediction:
    """Decode one answer, which asks `classes_of` for names only when it is asked for them.

    Raises:
        FieldError: it contradicts itself, or is of a kind that this client does not know.
    """
    classes = partial(classes_of, f"{message.model}:{message.version}")
    return _value(message).signed(message.model, message.version, tuple(message.warnings), classes)


def needs_classes(message: PredictManyResponse) -> bool:
    """Tell whether a chunk cannot be decoded without the names of the classes."""
    return message.HasField("multi_labels")


def decode_chunk(message: PredictManyResponse, classes_of: ClassesOf) -> list[Answer]:
    """Decode the answers to a run of items; in the place of a failed one is its error.

    Raises:
        FieldError: as for `decode_prediction`.
    """
    first = message.first_index
    classes = partial(classes_of, f"{message.model}:{message.version}")
    errors = {error.index - first: from_status(error.status) for error in message.errors}
    warnings = {item.index - first: tuple(item.warnings) for item in message.warnings}
    answers: list[Answer] = []
    for i, row in enumerate(_rows(message, classes)):
        if i in errors:
            answers.append(errors[i])
        elif row is None:
            raise FieldError("predictions", f"expected an answer or an error for item {first + i}")
        else:
            answers.append(row.signed(message.model, message.version, warnings.get(i, ()), classes))
    if errors.keys() - range(len(answers)):
        raise FieldError("errors", "expected only items of this chunk")
    return answers


def _value(message: pb.Prediction) -> AnyPrediction:
    match message.WhichOneof("value"):
        case "single_label":
            label = message.single_label
            return SingleLabel(label.label, label.index, _floats(label.probabilities))
        case "multi_label":
            labels = message.multi_label
            return MultiLabel(
                tuple(labels.labels),
                np.array(labels.mask, np.bool_),
                _floats(labels.probabilities),
            )
        case "regression":
            return Regression.of(_floats(message.regression.values))
        case "arrays":
            return _arrays(message.arrays.arrays)
        case "outputs":
            return Several.of([_value(output) for output in message.outputs.outputs])
        case kind:
            raise FieldError("value", f"expected an answer that this client knows, got {kind}")


def _arrays(arrays: Mapping[str, io_pb2.NdArray]) -> AnyPrediction:
    if {"mask", "probabilities"} <= arrays.keys():
        mask = _array("mask", arrays["mask"], np.int64, 2)
        return Mask(mask, mask, _array("probabilities", arrays["probabilities"], np.float32, 3))
    if {"points", "decoded", "raw"} <= arrays.keys():
        return Points(
            _array("points", arrays["points"], np.float32, 2),
            _array("decoded", arrays["decoded"], np.float32),
            _array("raw", arrays["raw"], np.float32),
        )
    raise FieldError("arrays", f"expected arrays that this client knows, got {sorted(arrays)}")


def _rows(message: PredictManyResponse, classes: Classes) -> Iterator[AnyPrediction | None]:
    match message.WhichOneof("columns"):
        case "single_labels":
            return _single_labels(message.single_labels)
        case "multi_labels":
            return _multi_labels(message.multi_labels, classes())
        case "regressions":
            values = _array("values", message.regressions.values, np.float32, 2)
            return map(Regression.of, values)
        case "predictions":
            return map(_perhaps, message.predictions.predictions)
        case kind:
            raise FieldError("columns", f"expected answers that this client knows, got {kind}")


def _single_labels(columns: pb.SingleLabelColumns) -> Iterator[SingleLabel]:
    indices = _array("indices", columns.indices, np.int64, 1)
    probabilities = _array("probabilities", columns.probabilities, np.float32, 2)
    if not len(columns.labels) == len(indices) == len(probabilities):
        raise FieldError("single_labels", "expected columns of the same length")
    return map(SingleLabel, columns.labels, indices.tolist(), probabilities)


def _multi_labels(columns: pb.MultiLabelColumns, classes: Sequence[str]) -> Iterator[MultiLabel]:
    masks = _array("masks", columns.masks, np.bool_, 2)
    probabilities = _array("probabilities", columns.probabilities, np.float32, 2)
    if not masks.shape == probabilities.shape == (len(masks), len(classes)):
        raise FieldError("multi_labels", f"expected columns of {len(classes)} classes")
    labels = (tuple(compress(classes, mask)) for mask in masks)
    return map(MultiLabel, labels, masks, probabilities)


def _perhaps(message: pb.Prediction) -> AnyPrediction | None:
    """Decode the answer, or give None for the empty one of a failed item."""
    return _value(message) if message.WhichOneof("value") else None


def _floats(values: Iterable[float]) -> AnyArray:
    return np.fromiter(values, np.float32)


def _array(
    name: str, message: io_pb2.NdArray, dtype: DTypeLike, dimensions: int | None = None
) -> AnyArray:
    """Decode an array, of the one type that the contract gives it, that its owner may write to."""
    with below(name):
        array = decode_array(message)
    if array.dtype != dtype:
        raise FieldError(name, f"expected {np.dtype(dtype).name}, got {array.dtype.name}")
    if dimensions not in (None, array.ndim):
        raise FieldError(name, f"expected {dimensions} dimensions, got {array.ndim}")
    return array.copy()
