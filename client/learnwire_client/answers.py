"""Answers on the wire to predictions, and a single one back."""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import Any, TypeAlias

import numpy as np
from learnwire.v1 import io_pb2
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import PredictManyResponse
from numpy.typing import DTypeLike

from .arrays import AnyArray, decode_array, encode_array
from .errors import CallError, FieldError, below
from .prediction import (
    AnyPrediction,
    Classes,
    Mask,
    MultiLabel,
    Points,
    Regression,
    Several,
    Signature,
    SingleLabel,
)
from .status import from_status

Answer: TypeAlias = AnyPrediction | CallError
# Gives the names of the classes of a model, which is named `name:version`.
ClassesOf: TypeAlias = Callable[[str], Sequence[str]]
Columns: TypeAlias = tuple[Collection[Any], ...]


def decode_prediction(message: pb.Prediction, classes_of: ClassesOf) -> AnyPrediction:
    """Decode one answer, which asks `classes_of` for names only when it is asked for them.

    Of an answer that no model gave, but an endpoint's code, there are none to ask for.

    Raises:
        FieldError: it contradicts itself, or is of a kind that this client does not know.
    """
    tag = f"{message.model}:{message.version}"
    classes = partial(classes_of, tag) if message.model else tuple
    return _value(message).signed(message.model, message.version, tuple(message.warnings), classes)


def encode_prediction(prediction: AnyPrediction) -> pb.Prediction:
    """Make the message of one prediction."""
    message = pb.Prediction(
        model=prediction.model, version=prediction.version, warnings=prediction.warnings
    )
    _set_value(message, prediction)
    return message


def _set_value(message: pb.Prediction, prediction: AnyPrediction) -> None:
    match prediction:
        case SingleLabel(label, index, probabilities):
            message.single_label.label = label
            message.single_label.index = index
            message.single_label.probabilities.extend(probabilities.tolist())
        case MultiLabel(labels, mask, probabilities):
            message.multi_label.labels.extend(labels)
            message.multi_label.mask.extend(mask.tolist())
            message.multi_label.probabilities.extend(probabilities.tolist())
        case Regression(_, values, _):
            message.regression.values.extend(values.tolist())
        case Mask(_, mask, probabilities):
            message.arrays.arrays["mask"].CopyFrom(encode_array(mask))
            message.arrays.arrays["probabilities"].CopyFrom(encode_array(probabilities))
        case Points(points, decoded, raw):
            for name, array in {"points": points, "decoded": decoded, "raw": raw}.items():
                message.arrays.arrays[name].CopyFrom(encode_array(array))
        case Several():
            for head in prediction.heads:
                _set_value(message.outputs.outputs.add(), head)


def needs_classes(message: PredictManyResponse) -> bool:
    """Tell whether a chunk cannot be decoded without the names of the classes."""
    return message.HasField("multi_labels")


@dataclass(frozen=True)
class Chunk:
    """The answers to a run of items; in the place of a failed one is its error.

    An answer is made only when its turn comes: a caller who does not keep it spares the
    garbage collector a look at it, and a million looks take long.

    Attributes:
        make: makes an answer out of one row of the columns.
        columns: aligned, with one row for each item.
        signature: that of all answers, but for their warnings.
        errors: those of the failed items, by their row.
        warnings: those of the others, by their row.
    """

    make: Callable[..., AnyPrediction]
    columns: Columns
    signature: Signature
    errors: Mapping[int, CallError]
    warnings: Mapping[int, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.columns[0])

    def __iter__(self) -> Iterator[Answer]:
        errors, signature = self.errors, self.signature
        signatures = {i: signature._replace(warnings=w) for i, w in self.warnings.items()}
        for i, answer in enumerate(map(self.make, *self.columns)):
            if i in errors:
                yield errors[i]
            else:
                yield answer.signed_with(signatures.get(i, signature))


def decode_chunk(message: PredictManyResponse, classes_of: ClassesOf) -> Chunk:
    """Decode the answers to a run of items.

    Raises:
        FieldError: as for `decode_prediction`.
    """
    first = message.first_index
    classes = partial(classes_of, f"{message.model}:{message.version}")
    signature = Signature(message.model, message.version, classes=classes)
    errors = {error.index - first: from_status(error.status) for error in message.errors}
    warnings = {item.index - first: tuple(item.warnings) for item in message.warnings}
    make, columns = _columns(message, classes, errors)
    chunk = Chunk(make, columns, signature, errors, warnings)
    if errors.keys() - range(len(chunk)):
        raise FieldError("errors", "expected only items of this chunk")
    return chunk


def hinted(answers: Iterable[Answer], hint: Callable[[Any], Any]) -> Iterable[Answer]:
    """Give answers with a hint added to the errors among them; of a chunk it makes a chunk."""
    if not isinstance(answers, Chunk):
        return map(hint, answers)
    return replace(answers, errors={row: hint(error) for row, error in answers.errors.items()})


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


def _columns(
    message: PredictManyResponse, classes: Classes, errors: Container[int]
) -> tuple[Callable[..., AnyPrediction], Columns]:
    """Decode the columns, and tell what makes an answer out of a row of them."""
    match message.WhichOneof("columns"):
        case "single_labels":
            return SingleLabel, _single_labels(message.single_labels)
        case "multi_labels":
            return MultiLabel, _multi_labels(message.multi_labels, classes())
        case "regressions":
            return Regression.of, (_array("values", message.regressions.values, np.float32, 2),)
        case "predictions":
            predictions = enumerate(message.predictions.predictions)
            # A failed item's is empty.
            return _itself, ([None if i in errors else _value(p) for i, p in predictions],)
        case kind:
            raise FieldError("columns", f"expected answers that this client knows, got {kind}")


def _single_labels(columns: pb.SingleLabelColumns) -> Columns:
    indices = _array("indices", columns.indices, np.int64, 1)
    probabilities = _array("probabilities", columns.probabilities, np.float32, 2)
    if not len(columns.labels) == len(indices) == len(probabilities):
        raise FieldError("single_labels", "expected columns of the same length")
    return columns.labels, indices.tolist(), probabilities


def _multi_labels(columns: pb.MultiLabelColumns, classes: Sequence[str]) -> Columns:
    masks = _array("masks", columns.masks, np.bool_, 2)
    probabilities = _array("probabilities", columns.probabilities, np.float32, 2)
    if not masks.shape == probabilities.shape == (len(masks), len(classes)):
        raise FieldError("multi_labels", f"expected columns of {len(classes)} classes")
    labels = [tuple(compress(classes, mask)) for mask in masks]
    return labels, masks, probabilities


def _itself(answer: AnyPrediction) -> AnyPrediction:
    return answer


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
