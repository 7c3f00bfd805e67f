import pickle
from typing import Any

import numpy as np
import pytest
from learnwire.v1 import model_service_pb2 as models_pb
from learnwire_client import Client, Mask, MultiLabel, Prediction, Regression, SingleLabel
from learnwire_client.prediction import Points, Several

from tests.client.serving import Models, serving

PROBABILITIES = np.array([0.125, 0.625, 0.25], np.float32)
IMAGE = np.zeros((224, 224), np.int64)


def single(**signed: Any) -> SingleLabel:
    return SingleLabel("b", 1, PROBABILITIES).signed("pets", "v1", **signed)


def multi() -> MultiLabel:
    return MultiLabel(("b", "c"), np.array([False, True, True]), PROBABILITIES)


@pytest.mark.parametrize("prediction", [single(classes=lambda: "abc"), multi()])
def test_top_gives_the_likeliest_first(prediction: Prediction[Any, Any]) -> None:
    assert prediction.signed("m", "v", classes=lambda: "abc").top(2) == [
        ("b", 0.625),
        ("c", 0.25),
    ]


def test_top_gives_three_unless_told_and_never_more_than_there_are() -> None:
    assert [label for label, _ in single(classes=lambda: "abc").top()] == ["b", "c", "a"]
    assert len(single().top(9)) == 3


def test_top_gives_indices_where_the_names_are_not_known() -> None:
    assert [label for label, _ in single().top()] == [1, 2, 0]
    assert [label for label, _ in single(classes=lambda: ["other"]).top()] == [1, 2, 0]


def test_top_of_numbers_is_refused() -> None:
    with pytest.raises(TypeError, match="Regression"):
        Regression.of(PROBABILITIES).top()


def test_the_names_are_fetched_once_and_only_when_asked_for() -> None:
    asked: list[str] = []

    def get_model(name: str) -> models_pb.Model:
        asked.append(name)
        classes = models_pb.SingleLabelOutput(classes=["no", "yes"])
        return models_pb.Model(name="m", version="v1", single_label=classes)

    with serving(models=Models((), get_model)) as target, Client(target) as client:
        first, second = (client.predict("m", "text") for _ in range(2))
        assert asked == []
        assert first.top() == second.top() == [("yes", 0.75), ("no", 0.25)]
    assert asked == ["m:v1"]


def test_a_prediction_can_be_pickled_and_loses_only_the_names() -> None:
    prediction = single(warnings=("w",), classes=lambda: "abc")
    back = pickle.loads(pickle.dumps(prediction))
    assert type(back) is SingleLabel
    assert (back.label, back.index, back.probabilities.tolist()) == ("b", 1, PROBABILITIES.tolist())
    assert (back.model, back.version, back.warnings) == ("pets", "v1", ("w",))
    assert back.top(1) == [(1, 0.625)]


def test_who_answered_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        single().model = "other"  # type: ignore[misc]  # the point


@pytest.mark.parametrize(
    ("prediction", "text"),
    [
        (single(), "SingleLabel(label='b', probability=0.625, model='pets:v1')"),
        (
            single(warnings=("ignored",)),
            "SingleLabel(label='b', probability=0.625, model='pets:v1', warnings=('ignored',))",
        ),
        (multi(), "MultiLabel(label=('b', 'c'), probabilities=(0.625, 0.25))"),
        (Regression.of(np.array([0.1, 3700.5], np.float32)), "Regression(label=(0.1, 3700.5))"),
        (
            Regression.of(np.arange(9, dtype=np.float32)),
            "Regression(label=(0, 1, 2, 3, 4, 5, ...))",
        ),
        (
            Mask(IMAGE, IMAGE, np.zeros((32, 224, 224), np.float32)),
            "Mask(label=int64[224, 224], probabilities=float32[32, 224, 224])",
        ),
        (
            Points(*(np.zeros((2, 2), np.float32) for _ in range(3))),
            "Points(label=float32[2, 2], probabilities=float32[2, 2])",
        ),
        (
            Several.of([multi(), Regression.of(PROBABILITIES[:1])]),
            "Several(heads=(MultiLabel(label=('b', 'c'), probabilities=(0.625, 0.25)), "
            "Regression(label=(0.125,))))",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, tuple) else "",
)
def test_a_prediction_is_shown_on_one_line(prediction: object, text: str) -> None:
    assert repr(prediction) == text


def test_an_answer_that_contradicts_itself_can_be_shown() -> None:
    assert repr(SingleLabel("b", 7, PROBABILITIES)) == "SingleLabel(label='b')"


def test_answers_can_be_made_by_hand() -> None:
    label, index, probabilities = lone = SingleLabel.of("cat")
    assert (label, index, probabilities.tolist()) == ("cat", 0, [1.0])
    assert probabilities.dtype == np.float32
    assert lone.top() == [("cat", 1.0)]
    dog = SingleLabel.of("dog", {"cat": 0.25, "dog": 0.75})
    assert (dog.label, dog.index) == ("dog", 1)
    assert dog.top(1) == [("dog", 0.75)]
    with pytest.raises(ValueError, match=r"expected one of 'cow', got \['cat'\]"):
        SingleLabel.of("cow", {"cat": 1.0})
    both = MultiLabel.of(["dog", "cat"], {"cat": 0.75, "cow": 0.25, "dog": 1.0})
    assert both.label == ("cat", "dog")
    assert both.index.tolist() == [True, False, True]
    assert both.top(1) == [("dog", 1.0)]
    assert MultiLabel.of([]).label == ()
    for values in (2.5, [2.5], np.array([2.5])):
        assert Regression.of(values).label == (2.5,)
        assert Regression.of(values).probabilities.dtype == np.float32
