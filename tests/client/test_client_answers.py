from typing import Any

import numpy as np
import pytest
from google.rpc import status_pb2
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import PredictManyResponse
from learnwire_client import (
    InvalidInput,
    Mask,
    MultiLabel,
    Prediction,
    Regression,
    SingleLabel,
)
from learnwire_client.answers import decode_chunk, decode_prediction
from learnwire_client.arrays import encode_array
from learnwire_client.errors import FieldError
from learnwire_client.prediction import Points, Several

MASK = np.arange(6).reshape(2, 3)
PROBABILITIES = np.linspace(0, 1, 12, dtype=np.float32).reshape(2, 2, 3)
HALVES = np.full((2, 3), 0.5, np.float32)


def single_labels(labels: int = 2, **replaced: Any) -> pb.SingleLabelColumns:
    columns: dict[str, Any] = {
        "labels": ["a", "b"][:labels],
        "indices": encode_array(np.array([0, 1])),
        "probabilities": encode_array(HALVES),
    }
    return pb.SingleLabelColumns(**(columns | replaced))


def chunk(**fields: Any) -> PredictManyResponse:
    return PredictManyResponse(model="m", version="v1", first_index=10, **fields)


def no_classes(tag: str) -> list[str]:
    raise AssertionError("no need of the classes here")


def decoded(message: pb.Prediction) -> Any:
    return decode_prediction(message, no_classes)


def answers(message: PredictManyResponse) -> list[Any]:
    return list(decode_chunk(message, no_classes))


def test_one_label_unpacks_as_a_local_prediction() -> None:
    value = pb.SingleLabel(label="yes", index=1, probabilities=[0.25, 0.75])
    answer = decoded(pb.Prediction(model="m", version="v1", single_label=value, warnings=["w"]))
    label, index, probabilities = answer
    assert isinstance(answer, SingleLabel)
    assert (label, index) == ("yes", 1)
    assert probabilities.dtype == np.float32
    assert probabilities.tolist() == [0.25, 0.75]
    assert (answer.model, answer.version, answer.warnings) == ("m", "v1", ("w",))


def test_several_labels_come_with_their_mask() -> None:
    value = pb.MultiLabel(labels=["b"], mask=[False, True], probabilities=[0.25, 0.75])
    answer = decoded(pb.Prediction(multi_label=value))
    assert isinstance(answer, MultiLabel)
    assert answer.label == ("b",)
    assert answer.index.tolist() == [False, True]
    assert answer.index.dtype == np.bool_
    assert answer.probabilities.dtype == np.float32


def test_numbers_stand_in_all_three_places() -> None:
    answer = decoded(pb.Prediction(regression=pb.Regression(values=[1.5, -2])))
    assert isinstance(answer, Regression)
    assert answer.label == (1.5, -2.0)
    assert answer.index.tolist() == answer.probabilities.tolist() == [1.5, -2.0]


def test_a_mask_comes_with_its_probabilities() -> None:
    arrays = {"mask": encode_array(MASK), "probabilities": encode_array(PROBABILITIES)}
    answer = decoded(pb.Prediction(arrays=pb.Arrays(arrays=arrays)))
    assert isinstance(answer, Mask)
    np.testing.assert_array_equal(answer.label, MASK)
    np.testing.assert_array_equal(answer.index, MASK)
    np.testing.assert_array_equal(answer.probabilities, PROBABILITIES)


def test_points_come_in_pixels_and_scaled() -> None:
    arrays = {name: encode_array(HALVES) for name in ("decoded", "raw")}
    arrays["points"] = encode_array(HALVES * 8)
    answer = decoded(pb.Prediction(arrays=pb.Arrays(arrays=arrays)))
    assert isinstance(answer, Points)
    assert answer.label.tolist() == [[4, 4, 4], [4, 4, 4]]
    assert answer.index.tolist() == answer.probabilities.tolist() == HALVES.tolist()


def test_several_outputs_are_tuples_with_a_prediction_for_each() -> None:
    label = pb.Prediction(single_label=pb.SingleLabel(label="a", index=0, probabilities=[1]))
    number = pb.Prediction(regression=pb.Regression(values=[2]))
    answer = decoded(pb.Prediction(outputs=pb.Outputs(outputs=[label, number])))
    assert isinstance(answer, Several)
    assert answer.label == ("a", (2.0,))
    label_head, number_head = answer.heads
    assert isinstance(label_head, SingleLabel)
    assert isinstance(number_head, Regression)


@pytest.mark.parametrize(
    "message",
    [
        pb.Prediction(model="m"),
        pb.Prediction(arrays=pb.Arrays(arrays={"boxes": encode_array(MASK)})),
        pb.Prediction(
            arrays=pb.Arrays(
                arrays={"mask": encode_array(HALVES), "probabilities": encode_array(PROBABILITIES)}
            )
        ),
    ],
    ids=["none", "unknown arrays", "mask of floats"],
)
def test_an_answer_of_an_unknown_kind_cannot_be_read(message: pb.Prediction) -> None:
    with pytest.raises(FieldError):
        decoded(message)


def test_columns_of_labels_become_one_answer_for_each_item() -> None:
    first, second = answers(chunk(single_labels=single_labels()))
    assert isinstance(first, SingleLabel)
    assert (first.label, first.index) == ("a", 0)
    assert (second.label, second.index) == ("b", 1)
    assert isinstance(second.index, int)
    assert second.probabilities.dtype == np.float32
    assert (first.model, first.version, first.warnings) == ("m", "v1", ())


def test_answers_can_be_written_to() -> None:
    first, _ = answers(chunk(single_labels=single_labels()))
    first.probabilities[0] = 0


def test_columns_of_label_sets_take_their_names_from_the_classes() -> None:
    masks = np.array([[True, False, True], [False, False, False]])
    columns = pb.MultiLabelColumns(masks=encode_array(masks), probabilities=encode_array(HALVES))
    first, second = decode_chunk(chunk(multi_labels=columns), lambda tag: ["x", "y", "z"])
    assert isinstance(first, MultiLabel)
    assert first.label == ("x", "z")
    assert first.index.tolist() == [True, False, True]
    assert isinstance(second, MultiLabel)
    assert second.label == ()


def test_columns_of_numbers_become_regressions() -> None:
    first, _ = answers(chunk(regressions=pb.RegressionColumns(values=encode_array(HALVES))))
    assert isinstance(first, Regression)
    assert first.label == (0.5, 0.5, 0.5)


def test_a_failed_item_is_its_error_in_its_place() -> None:
    errors = [pb.ItemError(index=11, status=status_pb2.Status(code=3, message="no such cell"))]
    first, second = answers(chunk(single_labels=single_labels(), errors=errors))
    assert first.label == "a"
    assert isinstance(second, InvalidInput)
    assert second.message == "no such cell"


def test_a_failed_item_among_whole_predictions_is_its_error() -> None:
    good = pb.Prediction(regression=pb.Regression(values=[1]))
    errors = [pb.ItemError(index=10, status=status_pb2.Status(code=3))]
    predictions = pb.Predictions(predictions=[pb.Prediction(), good])
    first, second = answers(chunk(predictions=predictions, errors=errors))
    assert isinstance(first, InvalidInput)
    assert isinstance(second, Prediction)
    assert (second.model, second.version) == ("m", "v1")


def test_warnings_reach_the_item_that_they_are_about() -> None:
    warnings = [pb.ItemWarnings(index=11, warnings=["ignored column"])]
    first, second = answers(chunk(single_labels=single_labels(), warnings=warnings))
    assert first.warnings == ()
    assert second.warnings == ("ignored column",)


@pytest.mark.parametrize(
    "message",
    [
        chunk(),
        chunk(single_labels=single_labels(labels=1)),
        chunk(single_labels=single_labels(indices=encode_array(np.zeros(2)))),
        chunk(single_labels=single_labels(probabilities=encode_array(np.zeros(2, np.float32)))),
        chunk(single_labels=single_labels(), errors=[pb.ItemError(index=1)]),
        chunk(single_labels=single_labels(), errors=[pb.ItemError(index=12)]),
        chunk(predictions=pb.Predictions(predictions=[pb.Prediction()])),
    ],
    ids=["none", "lengths", "type", "dimensions", "index before", "index after", "no answer"],
)
def test_a_chunk_that_contradicts_itself_cannot_be_read(message: PredictManyResponse) -> None:
    with pytest.raises(FieldError):
        answers(message)


def test_label_sets_that_do_not_fit_the_classes_cannot_be_read() -> None:
    columns = pb.MultiLabelColumns(
        masks=encode_array(HALVES > 1), probabilities=encode_array(HALVES)
    )
    with pytest.raises(FieldError):
        decode_chunk(chunk(multi_labels=columns), lambda tag: ["x", "y"])
