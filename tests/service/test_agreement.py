from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from learnwire_client.prediction import (
    AnyPrediction,
    Mask,
    MultiLabel,
    Points,
    Regression,
    Several,
    SingleLabel,
)
from learnwire_service.signature.agreement import TOLERANCE, disagreement
from learnwire_service.signature.specs import (
    MaskOutput,
    MultiLabelOutput,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    SingleLabelOutput,
)

CLASSES = ("a", "b", "c")
ONE = SingleLabelOutput(classes=CLASSES)
MANY = MultiLabelOutput(classes=CLASSES, threshold=0.5)
PIXELS = MaskOutput(classes=CLASSES)
NUMBERS = RegressionOutput(targets=("x", "y"))


def array(values: Any) -> Any:
    return np.array(values, np.float64)


def single(*probabilities: float, index: int = 0) -> SingleLabel:
    return SingleLabel(CLASSES[index], index, array(probabilities))


def multi(*probabilities: float) -> MultiLabel:
    mask = array(probabilities) > MANY.threshold
    return MultiLabel(tuple(np.array(CLASSES)[mask]), mask, array(probabilities))


def numbers(*values: float) -> Regression:
    return Regression(values, array(values), array(values))


def mask(probabilities: Any) -> Mask:
    pixels = array(probabilities).argmax(axis=0)
    return Mask(pixels, pixels, array(probabilities))


@given(st.floats(-1e6, 1e6), st.floats(0, 0.99), st.sampled_from([-1, 1]))
def test_numbers_agree_within_the_tolerance_and_not_beyond(
    value: float, share: float, sign: int
) -> None:
    allowed = sign * TOLERANCE * max(1, abs(value))
    assert disagreement(NUMBERS, numbers(value + share * allowed, 0), numbers(value, 0)) is None
    beyond = disagreement(NUMBERS, numbers(value + (1.01 + share) * allowed, 0), numbers(value, 0))
    assert beyond
    assert "difference of" in beyond


def test_the_tolerance_is_relative_to_the_expected_answer() -> None:
    assert disagreement(NUMBERS, numbers(1e6 + 9, 1), numbers(1e6, 1)) is None
    assert disagreement(NUMBERS, numbers(1e6, 1 + 9), numbers(1e6, 1))


def test_a_probability_beyond_the_tolerance_disagrees_though_the_label_is_the_same() -> None:
    assert disagreement(ONE, single(0.8, 0.2, 0), single(0.8001, 0.1999, 0))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [((np.nan, 1), (1, 1)), ((1, 1), (np.nan, 1)), ((np.nan, 1), (np.nan, 1))],
)
def test_nan_agrees_with_nothing_not_even_with_itself(
    answer: tuple[float, float], expected: tuple[float, float]
) -> None:
    assert disagreement(NUMBERS, numbers(*answer), numbers(*expected))


def test_infinity_disagrees_with_a_number() -> None:
    assert disagreement(NUMBERS, numbers(np.inf, 1), numbers(1, 1))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(single(0.5, 0.5), single(0.5, 0.3, 0.2)), (single(1), single(0.5, 0.5, 0))],
)
def test_other_shapes_disagree_even_where_they_would_broadcast(
    answer: SingleLabel, expected: SingleLabel
) -> None:
    found = disagreement(ONE, answer, expected)
    assert found
    assert found.startswith("shape")


def test_another_label_disagrees_where_the_expected_answer_was_decided() -> None:
    expected = single(0.5, 0.49997, 0.00003)
    assert disagreement(ONE, single(*expected.probabilities, index=1), expected) == "another label"


def test_another_label_agrees_where_the_expected_answer_was_undecided() -> None:
    expected = single(0.5, 0.499985, 0.000015)
    assert disagreement(ONE, single(0.499992, 0.499993, 0.000015, index=1), expected) is None


def test_the_label_of_the_only_class_is_decided() -> None:
    one_class = SingleLabelOutput(classes=("a",))
    assert disagreement(one_class, single(1), single(1)) is None


def test_a_label_across_the_threshold_agrees_only_where_it_was_near() -> None:
    assert disagreement(MANY, multi(0.499996, 0, 1), multi(0.500003, 0, 1)) is None
    flipped = multi(0.50003, 0, 1)
    flipped.index[0] = False
    assert disagreement(MANY, flipped, multi(0.50003, 0, 1)) == "another label"


def test_a_near_label_does_not_excuse_a_decided_one() -> None:
    flipped = multi(0.500001, 0.9, 0)
    flipped.index[:2] = False
    assert disagreement(MANY, flipped, multi(0.500001, 0.9, 0)) == "another label"


def test_masks_are_compared_pixel_by_pixel() -> None:
    near, decided = [0.500004, 0.499996], [0.6, 0.4]
    expected = mask(np.transpose([[near, decided]], (2, 0, 1)))
    assert disagreement(PIXELS, expected, expected) is None
    for pixel, outcome in [((0, 0), None), ((0, 1), "another label")]:
        flipped = expected.index.copy()
        flipped[pixel] = 1
        answer = Mask(flipped, flipped, expected.probabilities)
        assert disagreement(PIXELS, answer, expected) == outcome


def test_points_are_compared_as_numbers() -> None:
    output = PointsOutput(count=1)
    expected = Points(array([[3, 4]]), array([0.1, 0.2]), array([0.1, 0.2]))
    near = Points(array([[3, 4]]), array([0.1, 0.2]), array([0.100009, 0.2]))
    far = Points(array([[3, 4]]), array([0.1, 0.2]), array([0.100011, 0.2]))
    assert disagreement(output, near, expected) is None
    assert disagreement(output, far, expected)


def test_of_several_outputs_the_one_that_disagrees_is_named() -> None:
    output = SeveralOutput(heads=(ONE, NUMBERS))
    expected = Several.of([single(0.8, 0.2), numbers(1, 2)])
    assert disagreement(output, expected, expected) is None
    wrong: list[list[AnyPrediction]] = [
        [single(0.7, 0.3), numbers(1, 2)],
        [single(0.8, 0.2), numbers(1, 2.1)],
    ]
    for i, heads in enumerate(wrong):
        found = disagreement(output, Several.of(heads), expected)
        assert found
        assert found.endswith(f"in output {i}")
