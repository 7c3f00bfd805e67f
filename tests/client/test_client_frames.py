from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from google.rpc import status_pb2
from learnwire.v1 import model_service_pb2 as models_pb
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictManyResponse
from learnwire_client import Client
from learnwire_client.arrays import encode_array

from tests.client.echo import numbers
from tests.client.serving import Models, serving

FRAME = pd.DataFrame({"x": [0.0, -1.0, 1.0, 2.0]}, index=["a", "b", "b", "c"])
CLASSES = ["low", "high"]


def single_labels(values: list[float]) -> dict[str, Any]:
    indices = np.array([int(value > 0) for value in values])
    columns = pb.SingleLabelColumns(
        labels=[CLASSES[i] for i in indices],
        indices=encode_array(indices),
        probabilities=encode_array(np.array([[1 - i, i] for i in indices], np.float32)),
    )
    return {"single_labels": columns}


def multi_labels(values: list[float]) -> dict[str, Any]:
    masks = np.array([[value < 2, value > 0] for value in values])
    columns = pb.MultiLabelColumns(
        masks=encode_array(masks), probabilities=encode_array(masks.astype(np.float32))
    )
    return {"multi_labels": columns}


def regressions(values: list[float]) -> dict[str, Any]:
    columns = np.array([[value, value * 2] for value in values], np.float32)
    return {"regressions": pb.RegressionColumns(values=encode_array(columns))}


OUTPUTS: dict[Any, dict[str, Any]] = {
    single_labels: {"single_label": models_pb.SingleLabelOutput(classes=CLASSES)},
    multi_labels: {"multi_label": models_pb.MultiLabelOutput(classes=CLASSES)},
    regressions: {"regression": models_pb.RegressionOutput(targets=["error", "price"])},
}


def answered(
    columns: Callable[[list[float]], dict[str, Any]], values: Any = FRAME
) -> "pd.DataFrame":
    """Ask a server whose answers are such columns; a negative number fails, 2 has a warning."""
    asked: list[str] = []

    def many(request: PredictManyRequest, context: object) -> Iterator[PredictManyResponse]:
        asked.append(request.model)
        xs = numbers(request)
        status = status_pb2.Status(code=3, message="negative")
        yield PredictManyResponse(
            model="m",
            version="v1",
            errors=[pb.ItemError(index=i, status=status) for i, x in enumerate(xs) if x < 0],
            warnings=[
                pb.ItemWarnings(index=i, warnings=["odd", "large"])
                for i, x in enumerate(xs)
                if x == 2
            ],
            **columns(xs),
        )

    def get_model(name: str) -> models_pb.Model:
        return models_pb.Model(name="m", version="v1", **OUTPUTS[columns])

    with serving(many=many, models=Models((), get_model)) as target, Client(target) as client:
        frame: pd.DataFrame = client.predict_frame("m", values)
    assert set(asked) <= {"m:v1"}, "all calls go to the version of the first"
    return frame


def test_one_label_comes_with_a_probability_for_each_class() -> None:
    frame = answered(single_labels)
    expected = pd.DataFrame(
        {
            "label": pd.array(["low", None, "high", "high"], "string"),
            "p_low": np.array([1, np.nan, 0, 0], np.float32),
            "p_high": np.array([0, np.nan, 1, 1], np.float32),
            "warnings": pd.array([None, None, None, "odd; large"], "string"),
            "error": pd.array([None, "negative", None, None], "string"),
        },
        FRAME.index,
    )
    pd.testing.assert_frame_equal(frame, expected)


def test_several_labels_come_as_a_bool_and_a_probability_for_each_class() -> None:
    frame = answered(multi_labels)
    assert list(frame.columns) == ["is_low", "is_high", "p_low", "p_high", "warnings", "error"]
    assert frame["is_low"].tolist() == [True, pd.NA, True, False]
    assert frame["is_high"].tolist() == [False, pd.NA, True, True]
    assert frame["is_low"].dtype == "boolean"
    assert frame["p_high"].dtype == np.float32


def test_numbers_come_by_their_targets() -> None:
    frame = answered(regressions)
    assert list(frame.columns) == ["predicted_error", "price", "warnings", "error"]
    assert frame["price"].dropna().tolist() == [0, 2, 4]
    assert frame["error"].dropna().tolist() == ["negative"]


def test_a_series_of_texts_is_answered_with_its_index() -> None:
    frame = answered(single_labels, pd.Series(["1", "0"], index=[5, 3]))
    assert frame["label"].to_dict() == {5: "high", 3: "low"}


@pytest.mark.parametrize("length", [0, 1, 700])
def test_every_row_is_answered(length: int) -> None:
    frame = answered(regressions, pd.DataFrame({"x": np.arange(length)}))
    assert frame["price"].tolist() == [2 * i for i in range(length)]


@pytest.mark.parametrize("values", [["text"], {"x": [1]}, None])
def test_what_is_no_frame_is_refused(values: Any) -> None:
    with pytest.raises(TypeError, match="expected a DataFrame or a Series"):
        answered(single_labels, values)


def test_answers_that_fit_in_no_columns_are_refused_with_another_way() -> None:
    def get_model(name: str) -> models_pb.Model:
        return models_pb.Model(name="m", version="v1", arrays=models_pb.ArraysOutput())

    with (
        serving(models=Models((), get_model)) as target,
        Client(target) as client,
        pytest.raises(TypeError, match="predict_many"),
    ):
        client.predict_frame("m", FRAME)
