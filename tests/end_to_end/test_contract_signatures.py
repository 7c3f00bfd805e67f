"""Contracts of models that nobody has trained: what stubs send arrives, and what is answered."""

from typing import Any

import grpc
import numpy as np
from learnwire_client.prediction import (
    Mask,
    MultiLabel,
    Points,
    Regression,
    Several,
    SingleLabel,
)
from learnwire_service.contracts.derive import derive
from learnwire_service.rpc.codec import Codec
from learnwire_service.signature import (
    ArrayInput,
    ArraysInput,
    CellType,
    HeadSpec,
    InputSpec,
    MultiLabelOutput,
    OutputSpec,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
)

from tests.end_to_end.typed import Stub
from tests.service.signatures import generated, lock_with, signatures

CELLS = {
    CellType.STRING: "",
    CellType.INTEGER: -(2**53),
    CellType.FLOAT: 0.1,
    CellType.BOOL: False,
    CellType.TIMESTAMP: "1969-12-31T23:59:59.999999",
}
_random = np.random.default_rng(0)


def _plain(signature: Signature) -> Signature:
    """Take the categories from timestamps, which are generated as anything but times."""
    if not isinstance(signature.input, TabularInput):
        return signature
    columns = [
        one.model_copy(update={"categories": None}) if one.type is CellType.TIMESTAMP else one
        for one in signature.input.columns
    ]
    return signature.model_copy(update={"input": TabularInput(columns=tuple(columns))})


def _item(spec: InputSpec) -> Any:
    match spec:
        case TabularInput(columns=columns):
            return {
                one.name: None if one.nullable and _random.random() < 0.5 else CELLS[one.type]
                for one in columns
            }
        case ArrayInput():
            return _array(spec)
        case ArraysInput(arrays=arrays):
            return tuple(map(_array, arrays))
        case _:
            return "a text"


def _array(spec: ArrayInput) -> Any:
    shape = [3 if size == -1 else size for size in spec.shape]
    return np.asarray(_random.integers(0, 2, shape)).astype(spec.numpy_dtype)


def _prediction(output: OutputSpec) -> Any:
    if isinstance(output, SeveralOutput):
        return Several.of([_head(head) for head in output.heads])
    return _head(output)


def _head(head: HeadSpec) -> Any:
    numbers = _random.random(400, np.float32)
    match head:
        case SingleLabelOutput(classes=classes):
            i = int(_random.integers(len(classes)))
            return SingleLabel(classes[i], i, numbers[: len(classes)])
        case MultiLabelOutput(classes=classes):
            mask = numbers[: len(classes)] > 0.5
            labels = tuple(name for name, on in zip(classes, mask, strict=True) if on)
            return MultiLabel(labels, mask, numbers[: len(classes)])
        case RegressionOutput(targets=targets):
            return Regression.of(numbers[: len(targets)])
        case PointsOutput(count=count):
            points = numbers[: 2 * count].reshape(count, 2)
            return Points(points, points + 1, points + 2)
        case _:
            areas = np.arange(6).reshape(2, 3)
            return Mask(areas, areas, numbers[:12].reshape(2, 2, 3))


def test_fifty_signatures_carry_items_and_answers_unchanged() -> None:
    # Nobody is called: the stub only writes and reads what would be on the wire.
    with grpc.insecure_channel("localhost:1") as channel:
        for signature in map(_plain, generated(50, signatures)):
            contract = derive(lock_with(signature), "v1", signature)
            stub, codec = Stub(channel, contract), Codec(contract, signature.input)
            item = _item(signature.input)
            sent = stub.request(item).SerializeToString()
            arrived: Any = codec.item(codec.request_class("Predict").FromString(sent))
            np.testing.assert_equal(arrived, item)
            if isinstance(signature.input, ArrayInput):
                assert (arrived.dtype, arrived.shape) == (item.dtype, item.shape)
            prediction = _prediction(signature.output).signed("m", "v1", ("a warning",))
            answered = codec.response(prediction).SerializeToString()
            response = codec.response_class("Predict").FromString(answered)
            np.testing.assert_equal(_parts(stub.answer(response)), _parts(prediction))
            assert (response.model_version, *response.warnings) == ("v1", "a warning")


def _parts(prediction: Any) -> list[Any]:
    heads = prediction.heads if isinstance(prediction, Several) else [prediction]
    return [tuple(head) for head in heads]
