"""Messages to items, predictions to messages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from learnwire.v1 import io_pb2, prediction_pb2, prediction_service_pb2
from learnwire_client.answers import encode_prediction
from learnwire_client.arrays import AnyArray, decode_array, encode_array
from learnwire_client.errors import FieldError, Violation
from learnwire_client.rows import decode_row

from ..common.errors import InvalidInput
from ..signature.answers import Outcomes, Stacked, StackedOutput
from ..signature.columns import Columns
from ..signature.specs import (
    ArrayInput,
    ArraysInput,
    InputSpec,
    MultiLabelOutput,
    OutputSpec,
    RegressionOutput,
    SingleLabelOutput,
)
from ..signature.validation import check_array
from .tables import decode_table

_FIELDS = {"text": "text", "tabular": "row", "array": "array", "arrays": "arrays"}
# In place of an array that the model takes none of, as the check of the item tells.
_UNREAD = np.empty(0)
_MANY_FIELDS = {"text": "texts", "tabular": "rows", "array": "arrays", "arrays": "arrays_list"}


def decode_item(request: prediction_service_pb2.PredictRequest, spec: InputSpec) -> object:
    """Bring the one item of a request to Python: str, dict or ndarray.

    Raises:
        InvalidInput: there is none, or it contradicts itself.
    """
    match request.WhichOneof("input"):
        case "text":
            return request.text.content
        case "row":
            return _decode_row(request.row)
        case "array":
            return _decode_array(request.array, spec)
        case "arrays":
            return _decode_arrays(request.arrays, spec)
        case _:
            wanted = _FIELDS[spec.kind]
            raise InvalidInput([Violation(wanted, f"expected {wanted}, got no input")])


def decode_items(
    request: prediction_service_pb2.PredictManyRequest, spec: InputSpec, max_strings: int
) -> Iterator[object] | Columns:
    """Bring the items of a request to Python, one after the other, or rows as columns.

    An item that contradicts itself comes as its InvalidInput, in its place.

    Args:
        request: has them.
        spec: what the model takes.
        max_strings: how many strings a table may hold.

    Raises:
        InvalidInput: there are no inputs at all, or a table that is none.
    """
    match request.WhichOneof("inputs"):
        case "texts":
            return iter(request.texts.contents)
        case "rows":
            return (_perhaps(_decode_row, row) for row in request.rows.rows)
        case "arrays":
            return (_perhaps(_decode_array, array, spec) for array in request.arrays.arrays)
        case "arrays_list":
            return (_perhaps(_decode_arrays, one, spec) for one in request.arrays_list.items)
        case "table":
            return decode_table(request.table, spec, max_strings)
        case _:
            wanted = _MANY_FIELDS[spec.kind]
            raise InvalidInput([Violation(wanted, f"expected {wanted}, got no inputs")])


def _decode_row(message: io_pb2.TabularRow) -> object:
    try:
        return decode_row(message)
    except FieldError as error:
        raise InvalidInput([error.violation]).below("row") from None


def _decode_array(message: io_pb2.NdArray, spec: InputSpec) -> AnyArray:
    if not isinstance(spec, ArrayInput):
        return _UNREAD
    with _refused_below("array"):
        return decode_array(message, spec.numpy_dtype, partial(check_array, spec))


def _decode_arrays(message: io_pb2.NdArrays, spec: InputSpec) -> tuple[AnyArray, ...]:
    if not isinstance(spec, ArraysInput) or len(message.arrays) != len(spec.arrays):
        return (_UNREAD,) * len(message.arrays)
    arrays: list[AnyArray] = []
    for i, (array, wanted) in enumerate(zip(message.arrays, spec.arrays, strict=True)):
        with _refused_below(f"arrays.arrays[{i}]"):
            arrays.append(decode_array(array, wanted.numpy_dtype, partial(check_array, wanted)))
    return tuple(arrays)


@contextmanager
def _refused_below(path: str) -> Iterator[None]:
    try:
        yield
    except FieldError as error:
        raise InvalidInput([error.violation]).below(path) from None


def _perhaps(decode: Callable[..., object], *arguments: object) -> object:
    """Decode an item of many, or give its error in its place."""
    try:
        return decode(*arguments)
    except InvalidInput as error:
        return error


def encode_columns(
    output: OutputSpec, outcomes: Outcomes, chunk: prediction_service_pb2.PredictManyResponse
) -> None:
    """Put answers into a chunk as aligned columns; a failed item keeps its row."""
    match output:
        case SingleLabelOutput(classes=classes):
            answers = _stacked(output, outcomes, np.int64(-1), len(classes))
            names = (*classes, "")  # the last is that of -1
            chunk.single_labels.labels.extend([names[i] for i in answers.decoded.tolist()])
            chunk.single_labels.indices.CopyFrom(encode_array(answers.decoded))
            chunk.single_labels.probabilities.CopyFrom(encode_array(answers.probabilities))
        case MultiLabelOutput(classes=classes):
            answers = _stacked(output, outcomes, np.zeros(len(classes), np.bool_), len(classes))
            chunk.multi_labels.masks.CopyFrom(encode_array(answers.decoded))
            chunk.multi_labels.probabilities.CopyFrom(encode_array(answers.probabilities))
        case RegressionOutput(targets=targets):
            nothing = np.full(len(targets), np.nan, np.float32)
            answers = _stacked(output, outcomes, nothing, len(targets))
            chunk.regressions.values.CopyFrom(encode_array(answers.probabilities))
        case _:
            empty = prediction_pb2.Prediction()
            chunk.predictions.predictions.extend(
                empty if isinstance(one, Exception) else encode_prediction(one) for one in outcomes
            )


def _stacked(output: StackedOutput, outcomes: Outcomes, no_index: Any, width: int) -> Stacked:
    if isinstance(outcomes, Stacked):
        return outcomes
    failed = np.full(width, np.nan, np.float32)
    rows = [
        (no_index, failed) if isinstance(one, Exception) else (one.index, one.probabilities)
        for one in outcomes
    ]
    index, probabilities = (np.stack(part) for part in zip(*rows, strict=True))
    return Stacked(output, index, probabilities)
