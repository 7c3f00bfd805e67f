"""What runners and Learners answer is taken as it is, where that has one meaning."""

from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
import torch
from learnwire_client.prediction import (
    Mask,
    MultiLabel,
    Prediction,
    Predictions,
    Regression,
    Several,
    SingleLabel,
)

CHANCES = np.array([0.25, 0.75], np.float32)
CLASSES = ("cat", "dog")
ONE = SingleLabel("dog", 1, CHANCES).signed("m", "v", classes=lambda: CLASSES)
SOME = MultiLabel(("dog",), np.array([False, True]), CHANCES).signed(
    "m", "v", classes=lambda: CLASSES
)
NUMBERS = Regression.of(CHANCES)
PRICED = Regression.of(CHANCES).signed("m", "v", classes=lambda: ("price", "row"))
PIXELS = np.array([[0, 1], [1, 1]])
BOTH = Predictions(["dog"] * 2, [1] * 2, np.stack([CHANCES] * 2))
BOTH.rows = [ONE, ONE]


def test_a_label_is_a_text() -> None:
    assert lw.Text().check(ONE) == "dog"
    with pytest.raises(lw.InvalidInput, match="expected a text, got a prediction"):
        lw.Text().check(SOME)


@pytest.mark.parametrize(
    ("answer", "array"),
    [
        (ONE, CHANCES),
        (SOME, CHANCES),
        (NUMBERS, CHANCES),
        ([ONE, SOME], [CHANCES, CHANCES]),
        (BOTH, [CHANCES, CHANCES]),
        (torch.tensor(CHANCES, requires_grad=True), CHANCES),
        ([torch.tensor(1.0), torch.tensor(2.0)], [1, 2]),
        (torch.tensor([0.25, 0.75], dtype=torch.bfloat16), CHANCES),
    ],
)
def test_probabilities_and_tensors_are_an_array(answer: Any, array: Any) -> None:
    found = lw.NdArray("float32").check(answer)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, array)


def test_labels_are_an_array_of_strings_also_none_of_them() -> None:
    assert lw.NdArray("str").check(SOME.label).tolist() == ["dog"]
    assert lw.NdArray("str").check(()).shape == (0,)


def test_a_prediction_is_a_row_and_a_rows_cells_may_be_arrays() -> None:
    row = lw.TabularRow().check(ONE)
    assert row.to_dict() == {"label": "dog", "index": 1, "p_cat": 0.25, "p_dog": 0.75}
    answer = {"labels": SOME.label, "p": torch.tensor(CHANCES), "none": np.nan, "n": np.int64(2)}
    found = lw.TabularRow().check(answer).to_dict()
    assert found == {"labels": ["dog"], "p": [0.25, 0.75], "none": None, "n": 2}
    value = lw.TabularRow(dtypes={"value": "float64"}).check({"value": (1.5,)})
    assert value.to_dict() == {"value": 1.5}


def test_what_top_gives_is_a_table() -> None:
    table = lw.Table().check(ONE.top(2))
    assert table.to_dict("list") == {"label": ["dog", "cat"], "probability": [0.75, 0.25]}
    named = lw.Table(["class", "chance"]).check([("dog", 0.75)])
    assert named.to_dict("list") == {"class": ["dog"], "chance": [0.75]}


@pytest.mark.parametrize(
    ("answers", "columns"),
    [
        ([ONE], {"label": ["dog"], "p_cat": [0.25], "p_dog": [0.75]}),
        (BOTH, {"label": ["dog"] * 2, "p_cat": [0.25] * 2, "p_dog": [0.75] * 2}),
        ([SOME], {"is_cat": [False], "is_dog": [True], "p_cat": [0.25], "p_dog": [0.75]}),
        ([NUMBERS], {"value_0": [0.25], "value_1": [0.75]}),
        ([PRICED], {"price": [0.25], "predicted_row": [0.75]}),
        ([Regression.of(CHANCES[:1])], {"value": [0.25]}),
    ],
)
def test_predictions_are_a_table(answers: Any, columns: dict[str, Any]) -> None:
    assert lw.Table().check(answers).to_dict("list") == columns


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (("dog", 1, CHANCES), ONE),
        (["dog", np.int64(1), CHANCES.tolist()], ONE),
        (("dog", torch.tensor(1), torch.tensor(CHANCES)), ONE),
        ((["dog"], torch.tensor([False, True]), torch.tensor(CHANCES)), SOME),
        (((0.25, 0.75), torch.tensor(CHANCES), torch.tensor(CHANCES)), NUMBERS),
        ((PIXELS, PIXELS, np.zeros((2, 2, 2))), Mask(PIXELS, PIXELS, np.zeros((2, 2, 2), "f4"))),
    ],
)
def test_three_parts_are_a_prediction(answer: Any, expected: Prediction[Any, Any]) -> None:
    found = lw.Prediction().check(answer)
    assert type(found) is type(expected)
    for part, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(part, wanted)


@pytest.mark.parametrize(
    ("descriptor", "answer", "problem"),
    [
        (lw.Prediction(), ("dog", 7, CHANCES), "expected a prediction, got tuple"),
        (lw.Prediction(), ("dog", 1), "expected a prediction, got tuple"),
        (lw.Prediction(), ("dog", 1, "x"), "expected a prediction, got tuple"),
        (lw.Prediction(), (["dog"], CHANCES, CHANCES), "expected a prediction, got tuple"),
        (lw.Prediction(), (SOME.label, [True], CHANCES), "expected a prediction, got tuple"),
        (lw.Table(), [("dog", 0.75)], "expected a row, got tuple"),
        (lw.Table(), [{"p": CHANCES}], "got a list of 2"),
        (lw.NdArray(), Several.of([ONE, NUMBERS]), "expected an array, got a prediction"),
    ],
)
def test_what_has_no_one_meaning_is_refused(descriptor: Any, answer: Any, problem: str) -> None:
    with pytest.raises(lw.InvalidInput, match=problem):
        descriptor.check(answer)
