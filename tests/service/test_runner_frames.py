"""A runner takes DataFrames, and answers as `learner.predict` answers their rows."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from learnwire_client.prediction import Predictions, SingleLabel
from learnwire_service import InvalidInput, LearnerRunner

from .small_learners import ROW, TEXT, ask, shop_frame, shop_regressor, shop_tagger, text_learner

FRAME = shop_frame()[list(ROW)]
Run = Callable[[LearnerRunner, Any], Any]


def run_async(runner: LearnerRunner, value: Any) -> Any:
    return asyncio.run(runner.predict.async_run(value))


def run_batch_async(runner: LearnerRunner, values: Any) -> Any:
    return asyncio.run(runner.predict.async_run_batch(values))


RUNS: list[Run] = [lambda runner, value: runner.predict.run(value), run_async]
BATCHES: list[Run] = [lambda runner, values: runner.predict.run_batch(values), run_batch_async]
either = pytest.mark.parametrize("run", RUNS, ids=["run", "async_run"])
either_batch = pytest.mark.parametrize("batch", BATCHES, ids=["run_batch", "async_run_batch"])


@pytest.fixture(scope="module")
def runner(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> LearnerRunner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(tmp_path_factory.mktemp("home")))
        runner = lw.save_model("shop", shop, nulls="allow").to_runner()
        runner.load()
        return runner


@either
def test_a_frame_unpacks_into_aligned_arrays(runner: LearnerRunner, shop: Any, run: Run) -> None:
    labels, indices, probabilities = run(runner, FRAME)
    assert (indices.dtype, probabilities.dtype) == (np.int64, np.float32)
    assert probabilities.shape == (len(FRAME), 2)
    assert labels.tolist() == [("no", "yes")[i] for i in indices]
    for row, index, own in zip(FRAME.to_dict("records"), indices, probabilities, strict=True):
        wanted, expected = ask(shop, row)
        assert index == wanted
        np.testing.assert_allclose(own, expected, atol=1e-5)


@either
def test_what_one_is_given_says_whether_one_or_many_are_answered(
    runner: LearnerRunner, run: Run
) -> None:
    one = run(runner, FRAME.iloc[0])
    many = run(runner, FRAME.iloc[:1])
    assert isinstance(one, SingleLabel)
    assert isinstance(many, Predictions)
    assert [len(part) for part in many] == [1, 1, 1]
    assert many.rows[0].label == one.label
    assert [part.shape for part in run(runner, FRAME.iloc[:0])] == [(0,), (0,), (0, 2)]


@pytest.mark.slow
def test_several_labels_and_numbers_are_aligned_too(own_home: Path) -> None:
    tagger, regressor = shop_tagger(), shop_regressor("total", "twice")
    labels, masks, probabilities = lw.save_model("tags", tagger).to_runner().predict.run(FRAME)
    predict = lw.save_model("totals", regressor).to_runner().predict
    values = predict.run(FRAME)
    for i, row in enumerate(FRAME.to_dict("records")[:9]):
        mask, expected = ask(tagger, row)
        assert masks[i].tolist() == mask.tolist()
        assert labels[i] == tuple(np.array(["cheap", "small"])[mask])
        np.testing.assert_allclose(probabilities[i], expected, atol=1e-5)
        for part in values:
            np.testing.assert_allclose(part[i], ask(regressor, row)[0], rtol=1e-4)
    assert [part.shape for part in predict.run(FRAME.iloc[:0])] == [(0, 2)] * 3


@either
def test_bad_cells_are_told_with_their_rows(runner: LearnerRunner, run: Run) -> None:
    bad = FRAME.astype(object)
    bad.loc[3, "price"], bad.loc[5, "size"] = None, "two"
    with pytest.raises(InvalidInput) as caught:
        run(runner, bad)
    paths = [violation.field for violation in caught.value.violations]
    assert paths == ['rows.rows[3].cells["price"]', 'rows.rows[5].cells["size"]']
    with pytest.raises(InvalidInput, match=r'rows\[0\].cells\["price"\]: .* column is missing'):
        run(runner, FRAME.drop(columns="price"))
    with pytest.raises(InvalidInput, match=r"table.columns\[0\].name: expected a column name as"):
        run(runner, FRAME.rename(columns={"shop": 7}))


@either_batch
def test_a_batch_of_a_frame_has_an_outcome_for_each_row(runner: LearnerRunner, batch: Run) -> None:
    bad = FRAME.astype(object)
    bad.loc[3, "price"], bad.loc[5, "size"], bad.loc[7, "shop"] = None, "two", "east"
    outcomes = batch(runner, bad)
    assert len(outcomes) == len(FRAME)
    failed = [i for i, one in enumerate(outcomes) if isinstance(one, InvalidInput)]
    assert failed == [3, 5]
    assert 'row.cells["size"]' in str(outcomes[5])
    assert outcomes[7].warnings
    alone = [runner.predict.run(row).label for row in FRAME.drop([3, 5, 7]).to_dict("records")]
    assert [one.label for i, one in enumerate(outcomes) if i not in (3, 5, 7)] == alone


@either_batch
@pytest.mark.parametrize(
    "value",
    ["ab", b"ab", bytearray(2), ROW, FRAME.iloc[0], 3, None, np.array(1.0), lw.Limits()],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_collection_of_items_is_refused(
    runner: LearnerRunner, batch: Run, value: Any
) -> None:
    with pytest.raises(TypeError, match=f"expected several items, got one {type(value).__name__}"):
        batch(runner, value)


@either
def test_missing_cells_are_null_however_they_come(runner: LearnerRunner, run: Run) -> None:
    expected = run(runner, ROW | {"weight": None, "shop": None}).probabilities
    frame = pd.DataFrame([ROW | {"weight": np.nan, "shop": None}] * 2)
    [row, _] = frame.to_dict("records")
    for missing in (np.nan, np.float32("nan"), pd.NA, pd.NaT, None):
        for one in (ROW | {"weight": missing, "shop": missing}, row, frame.iloc[0]):
            np.testing.assert_array_equal(run(runner, one).probabilities, expected)
    np.testing.assert_allclose(run(runner, frame).probabilities[1], expected, atol=1e-6)
    for given in (frame, [row, row], [frame.iloc[0], row]):
        for answer in runner.predict.run_batch(given):
            np.testing.assert_allclose(answer.probabilities, expected, atol=1e-6)  # type: ignore[union-attr]  # none failed


def test_more_calls_than_the_queue_holds_wait_their_turn(runner: LearnerRunner) -> None:
    rows = FRAME.to_dict("records") * 50

    async def gather() -> list[Any]:
        return await asyncio.gather(*map(runner.predict.async_run, rows))

    assert len(rows) > lw.Limits().max_queue
    labels = [answer.label for answer in asyncio.run(gather())]
    assert labels == runner.predict.run(pd.concat([FRAME] * 50)).labels.tolist()


def test_a_frame_is_given_up_in_time(runner: LearnerRunner) -> None:
    for run in (runner.predict.run, lambda *a, **k: asyncio.run(runner.predict.async_run(*a, **k))):
        with pytest.raises(lw.DeadlineExceeded, match="no answer within"):
            run(FRAME, timeout=1e-9)
    assert runner.statistics.read().waiting == 0


@pytest.mark.slow
def test_a_model_of_texts_takes_no_frame_but_a_column_of_one(own_home: Path) -> None:
    predict = lw.save_model("texts", text_learner()).to_runner().predict
    texts = pd.DataFrame({"text": [TEXT, "bad"]})
    with pytest.raises(
        InvalidInput,
        match=r"expected a text, got DataFrame; several items go to predict\.run_batch",
    ):
        predict.run(texts)
    with pytest.raises(
        TypeError, match=r"got a DataFrame, and the model takes no rows: give it the column"
    ):
        predict.run_batch(texts)
    for several in (texts["text"], texts["text"].tolist()):
        with pytest.raises(InvalidInput, match=r"several items go to predict\.run_batch"):
            predict.run(several)
    with pytest.raises(TypeError, match=r"write predict.run\(value\)"):
        predict(TEXT)
    for answer, text in zip(predict.run_batch(texts["text"]), texts["text"], strict=True):
        expected = predict.run(text).probabilities
        np.testing.assert_allclose(answer.probabilities, expected, atol=1e-6)  # type: ignore[union-attr]  # none failed
