"""A learner says of itself what it takes and what it answers."""

import datetime
from pathlib import Path
from typing import Any

import learnwire_service as lw
import pandas as pd
import pytest
from fastai.tabular.all import Normalize, TabularDataLoaders, tabular_learner
from learnwire_service.models.making import described
from learnwire_service.signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    Column,
    MaskOutput,
    MultiLabelOutput,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
    TextInput,
)

from . import small_learners as small
from . import small_networks as networks
from .small_learners import ROW, ask

HALVES = SingleLabelOutput(classes=("bright", "dark"))


def signature_of(learner: Any) -> Signature:
    _, adapter = described(learner, None, None, "warn", "refuse", [])
    return adapter.signature


def columns_of(learner: Any) -> dict[str, Column]:
    return columns(signature_of(learner))


def columns(signature: Signature) -> dict[str, Column]:
    assert isinstance(signature.input, TabularInput)
    return {column.name: column for column in signature.input.columns}


def test_a_row_learner_says_its_columns_types_and_classes(saved_shop: lw.Model) -> None:
    told = columns(saved_shop.signature)
    assert list(told) == list(ROW)
    assert {
        name: (column.type, column.categories, column.nullable) for name, column in told.items()
    } == {
        "shop": (CellType.STRING, ("north", "south"), False),
        "size": (CellType.INTEGER, (1, 2, 3), False),
        "open": (CellType.BOOL, (False, True), False),
        "price": (CellType.FLOAT, None, False),
        "weight": (CellType.FLOAT, None, True),
    }
    assert saved_shop.signature.output == SingleLabelOutput(classes=("no", "yes"))


def test_the_typical_range_of_a_number_is_that_of_the_training_rows(
    shop: Any,
) -> None:
    prices = small.shop_frame()["price"][12:]
    typical = columns_of(shop)["price"].typical_range
    expected = (prices.mean() - 2 * prices.std(ddof=0), prices.mean() + 2 * prices.std(ddof=0))
    assert typical == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
def test_text_learners_say_their_classes_and_threshold(texts: Any) -> None:
    assert signature_of(texts) == Signature(
        input=TextInput(), output=SingleLabelOutput(classes=("kind", "unkind"))
    )
    assert signature_of(small.text_tagger()).output == MultiLabelOutput(
        classes=("good", "slow"), threshold=0.5
    )
    assert signature_of(small.text_regressor()).output == RegressionOutput(targets=("value",))


def test_text_columns_are_a_row_of_strings() -> None:
    columns = columns_of(small.text_learner(["title", "text"]))
    assert list(columns) == ["title", "text"]
    assert {column.type for column in columns.values()} == {CellType.STRING}
    assert {column.categories for column in columns.values()} == {None}


@pytest.mark.slow
def test_regressors_say_their_targets_in_order() -> None:
    learner = small.shop_regressor("total", "twice")
    assert signature_of(learner).output == RegressionOutput(targets=("total", "twice"))
    assert signature_of(small.collab()).output == RegressionOutput(targets=("rating",))


@pytest.mark.parametrize(
    ("make", "output"),
    [
        (networks.segmenter, MaskOutput(classes=("dark", "bright"))),
        (networks.point_learner, PointsOutput(count=1)),
        (networks.two_headed, SeveralOutput(heads=(HALVES, HALVES))),
    ],
)
def test_image_learners_say_the_pixels_they_take_and_what_they_answer(
    make: Any, output: Any
) -> None:
    signature = signature_of(make())
    assert signature.output == output
    assert signature.input == ArrayInput(
        shape=(-1, -1, 3),
        dtype="uint8",
        axes=("height", "width", "channels"),
        typical_shape=(16, 16, 3),
        encoded=True,
    )


def test_array_learners_say_the_shape_and_type_they_were_trained_on() -> None:
    one = signature_of(networks.array_learner())
    assert isinstance(one.input, ArrayInput)
    assert (one.input.shape, one.input.dtype, one.input.encoded) == ((4,), "float32", False)
    assert one.output == SingleLabelOutput(classes=("0", "1", "2", "3"))
    two = signature_of(networks.array_learner(2))
    assert two.input == ArraysInput(arrays=(one.input, one.input))


def test_integers_with_holes_are_float_categories_that_integers_fit(own_home: Path) -> None:
    frame = small.shop_frame()
    frame["size"] = frame["size"].where(frame.index % 5 > 0)  # pandas makes floats of them
    learner = small.shop_learner(frame)
    model = lw.save_model("m", learner)
    size = columns(model.signature)["size"]
    assert (size.type, size.categories) == (CellType.FLOAT, (1.0, 2.0, 3.0))
    runner = model.to_runner()
    for cell in (2, 2.0, None):
        answer = runner.predict.run(ROW | {"size": cell})
        assert answer.warnings == ()
        _, probabilities = ask(learner, ROW | {"size": cell})
        assert answer.probabilities == pytest.approx(probabilities, abs=1e-6)


@pytest.mark.slow
def test_timestamps_are_categories_told_in_iso_8601(own_home: Path) -> None:
    frame = small.shop_frame()
    days = pd.to_datetime(["2026-01-01 00:00", "2026-01-02 12:30"])
    frame["size"] = [days[i % 2] for i in range(len(frame))]
    learner = small.shop_learner(frame)
    model = lw.save_model("m", learner)
    size = columns(model.signature)["size"]
    assert (size.type, size.categories) == (
        CellType.TIMESTAMP,
        ("2026-01-01T00:00:00", "2026-01-02T12:30:00"),
    )
    runner = model.to_runner()
    answers = []
    for text, day in [("2026-01-01", days[0]), ("2026-01-02 12:30", days[1])]:
        answer = runner.predict.run(ROW | {"size": text})
        assert answer.warnings == ()
        _, probabilities = ask(learner, ROW | {"size": day})
        assert answer.probabilities == pytest.approx(probabilities, abs=1e-6)
        answers.append(answer.probabilities.tolist())
    assert answers[0] != answers[1]


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ([datetime.date(2026, 1, 1)], "are date"),
        ([1, "two"], "are int, str"),
        ([2**60, 2**60 + 1], "are numbers beyond 2.53"),
        ([0.5, float("inf")], "are float; only str, int, finite float"),
    ],
)
def test_categories_of_other_or_mixed_types_are_refused(
    cells: list[Any], problem: str, own_home: Path
) -> None:
    frame = small.shop_frame()
    frame["size"] = pd.Series((cells * len(frame))[: len(frame)], dtype=object)
    with pytest.raises(lw.NotServable, match=f'the categories of column "size" {problem}'):
        lw.save_model("m", small.shop_learner(frame))


def test_a_signature_has_no_infinite_numbers_since_json_has_none() -> None:
    for typical_range in ((0.0, float("inf")), (float("nan"), 0.0)):
        with pytest.raises(ValueError, match="finite number"):
            Column(name="a", type=CellType.FLOAT, nullable=False, typical_range=typical_range)


def test_columns_whose_names_are_no_strings_are_refused(own_home: Path) -> None:
    frame = small.shop_frame().rename(columns={"price": 0})
    dls = TabularDataLoaders.from_df(
        frame, procs=[Normalize], cont_names=[0], y_names="sold", valid_idx=[0], bs=12
    )
    with pytest.raises(lw.NotServable, match="column names must be str"):
        lw.save_model("m", small.fitted(tabular_learner(dls, layers=[8])))
