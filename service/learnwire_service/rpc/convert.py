"""Messages to items, predictions to messages."""

from collections.abc import Iterator, Sequence

import numpy as np
from learnwire.v1 import io_pb2, prediction_pb2, prediction_service_pb2
from learnwire_client.arrays import AnyArray, decode_array, encode_array
from learnwire_client.errors import FieldError, Violation
from learnwire_client.prediction import (
    AnyPrediction,
    Mask,
    MultiLabel,
    Regression,
    SingleLabel,
)
from learnwire_client.rows import decode_row

from ..errors import InvalidInput
from ..signature import (
    ArrayInput,
    InputSpec,
    MultiLabelOutput,
    OutputSpec,
    RegressionOutput,
    SingleLabelOutput,
)
from .tables import decode_table

_FIELDS = {"text": "text", "tabular": "row", "array": "array"}


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
        case _:
            wanted = _FIELDS[spec.kind]
            raise InvalidInput([Violation(wanted, f"expected {wanted}, got no input")])


def decode_items(
    request: prediction_service_pb2.PredictManyRequest, spec: InputSpec
) -> Iterator[object]:
    """Bring the items of a request to Python, one after the other.

    An item that contradicts itself comes as its InvalidInput, in its place.

    Raises:
        InvalidInput: there are no inputs at all, or a table that is none.
    """
    match request.WhichOneof("inputs"):
        case "texts":
            yield from request.texts.contents
        case "rows":
            yield from map(_decoded_row, request.rows.rows)
        case "arrays":
            yield from (_decoded_array(array, spec) for array in request.arrays.arrays)
        case "table":
            yield from decode_table(request.table, spec)
        case _:
            wanted = f"{_FIELDS[spec.kind]}s"
            raise InvalidInput([Violation(wanted, f"expected {wanted}, got no inputs")])


def _decode_row(message: io_pb2.TabularRow) -> object:
    try:
        return decode_row(message)
    except FieldError as error:
        raise InvalidInput([error.violation]).below("row") from None


def _decode_array(message: io_pb2.NdArray, spec: InputSpec) -> AnyArray:
    default = spec.numpy_dtype if isinstance(spec, ArrayInput) else None
    try:
        return decode_array(message, default)
    except FieldError as error:
        raise InvalidInput([error.violation]).below("array") from None


def _decoded_row(message: io_pb2.TabularRow) -> object:
    try:
        return _decode_row(message)
    except InvalidInput as error:
        return error


def _decoded_array(message: io_pb2.NdArray, spec: InputSpec) -> object:
    try:
        return _decode_array(message, spec)
    except InvalidInput as error:
        return error


def encode_prediction(prediction: AnyPrediction) -> prediction_pb2.Prediction:
    """Make the message of one prediction."""
    message = prediction_pb2.Prediction(
        model=prediction.model, version=prediction.version, warnings=prediction.warnings
    )
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
    return message


def encode_columns(
    output: OutputSpec,
    predictions: Sequence[AnyPrediction | None],
    chunk: prediction_service_pb2.PredictManyResponse,
) -> None:
    """Put predictions, None for a failed item, into a chunk as aligned columns."""
    match output:
        case SingleLabelOutput(classes=classes):
            chunk.single_labels.labels.extend(p.label if p else "" for p in predictions)
            indices = [p.index if p else -1 for p in predictions]
            chunk.single_labels.indices.CopyFrom(encode_array(np.array(indices, np.int64)))
            stacked = _stacked(predictions, len(classes))
            chunk.single_labels.probabilities.CopyFrom(encode_array(stacked))
        case MultiLabelOutput(classes=classes):
            nothing = np.zeros(len(classes), np.bool_)
            masks = np.stack([p.index if p else nothing for p in predictions])
            chunk.multi_labels.masks.CopyFrom(encode_array(masks))
            stacked = _stacked(predictions, len(classes))
            chunk.multi_labels.probabilities.CopyFrom(encode_array(stacked))
        case RegressionOutput(targets=targets):
            stacked = _stacked(predictions, len(targets))
            chunk.regressions.values.CopyFrom(encode_array(stacked))
        case _:
            empty = prediction_pb2.Prediction()
            chunk.predictions.predictions.extend(
                encode_prediction(p) if p else empty for p in predictions
            )


def _stacked(predictions: Sequence[AnyPrediction | None], width: int) -> AnyArray:
    failed = np.full(width, np.nan, np.float32)
    return np.stack([p.probabilities if p else failed for p in predictions])
