"""Predictions to a contract's responses: what is to be written is found out once for each."""

from collections.abc import Callable, Sequence
from typing import Any

from ..contracts.contract import Head
from ..signature.specs import (
    MaskOutput,
    MultiLabelOutput,
    PointsOutput,
    RegressionOutput,
    SingleLabelOutput,
)
from .typed_arrays import fill_typed_array

# Writes a prediction into the message that is to hold it.
Write = Callable[[Any, Any], None]


def writer(heads: Sequence[Head]) -> Write:
    """Give what writes the predictions of these outputs into a response."""
    if len(heads) == 1 and not heads[0].output:
        return _head_writer(heads[0])
    parts = [(head.output, _head_writer(head)) for head in heads]

    def write(response: Any, prediction: Any) -> None:
        for (output, write_head), answer in zip(parts, prediction.heads, strict=True):
            write_head(getattr(response, output), answer)

    return write


def _head_writer(head: Head) -> Write:
    match head.spec:
        case SingleLabelOutput(private=True):
            return _write_private_label
        case SingleLabelOutput(classes=classes):
            return _label_writer([head.categories[name] for name in classes])
        case MultiLabelOutput(classes=classes):
            return _labels_writer([head.categories[name] for name in classes])
        case RegressionOutput():
            return _numbers_writer([target.name for target in head.targets])
        case MaskOutput():
            return _write_mask
        case PointsOutput():
            return _write_points


def _label_writer(numbers: Sequence[int]) -> Write:
    def write(message: Any, prediction: Any) -> None:
        label, index, probabilities = prediction
        message.category = numbers[index]
        message.label = label
        message.index = index
        message.probabilities.extend(probabilities.tolist())

    return write


def _write_private_label(message: Any, prediction: Any) -> None:
    message.label, message.index, probabilities = prediction
    message.probabilities.extend(probabilities.tolist())


def _labels_writer(numbers: Sequence[int]) -> Write:
    def write(message: Any, prediction: Any) -> None:
        labels, mask, probabilities = prediction
        flags = mask.tolist()
        message.categories.extend(number for number, on in zip(numbers, flags, strict=True) if on)
        message.labels.extend(labels)
        message.mask.extend(flags)
        message.probabilities.extend(probabilities.tolist())

    return write


def _numbers_writer(names: Sequence[str]) -> Write:
    def write(message: Any, prediction: Any) -> None:
        values = message.values
        for name, value in zip(names, prediction.label, strict=True):
            setattr(values, name, value)

    return write


def _write_mask(message: Any, prediction: Any) -> None:
    fill_typed_array(message.mask, prediction.label)
    fill_typed_array(message.probabilities, prediction.probabilities)


def _write_points(message: Any, prediction: Any) -> None:
    points, decoded, raw = prediction
    for field, array in (("points", points), ("decoded", decoded), ("raw", raw)):
        fill_typed_array(getattr(message, field), array)
