"""A runner takes rows as columns, and answers as though they had come one by one."""

import asyncio
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from learnwire_service import InvalidInput, LearnerRunner
from learnwire_service.queue.statistics import Fate
from learnwire_service.signature.answers import Outcome, Outcomes, Stacked
from learnwire_service.signature.columns import Cells, Columns

from .small_learners import ROW

GOOD, WARNED, BAD = ROW | {"price": 3.5}, ROW | {"shop": "east"}, ROW | {"price": None}
NULL = ROW | {"weight": None}


@pytest.fixture(scope="module")
def runner(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> LearnerRunner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNWIRE_HOME", str(tmp_path_factory.mktemp("home")))
        runner = lw.save_model("shop", shop).to_runner()
        runner.load()
        return runner


def columns(rows: list[dict[str, Any]], *, repeat: bool = False) -> Columns:
    cells = {name: _cells([row[name] for row in rows]) for name in ROW}
    if repeat:
        cells = {name: _repeating(one) for name, one in cells.items()}
    return Columns(cells, len(rows))


def _repeating(cells: Cells) -> Cells:
    """Give columns of strings with each string once."""
    if cells.values.dtype.kind != "O":
        return cells
    strings, indices = np.unique(cells.values, return_inverse=True)
    return Cells(strings, cells.valid, indices)


def _cells(values: list[Any]) -> Cells:
    valid = np.array([value is not None for value in values], np.bool_)
    [kind] = {type(value) for value in values if value is not None} or {float}
    filled = [kind() if value is None else value for value in values]
    return Cells(np.array(filled, object if kind is str else kind), None if all(valid) else valid)


def ask(runner: LearnerRunner, table: Columns) -> Outcomes:
    return asyncio.run(runner.ask_many_async(table))


def assert_same(outcome: Outcome, expected: Outcome) -> None:
    assert type(outcome) is type(expected)
    if isinstance(expected, Exception):
        assert str(outcome) == str(expected)
        return
    assert not isinstance(outcome, Exception)
    assert outcome.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    assert outcome.warnings == expected.warnings
    assert (outcome.model, outcome.version) == (expected.model, expected.version)


@given(
    rows=st.lists(st.sampled_from([GOOD, GOOD, NULL, WARNED, BAD]), min_size=1, max_size=9),
    repeat=st.booleans(),
)
def test_a_table_is_answered_row_by_row_as_its_rows_are(
    runner: LearnerRunner, rows: list[dict[str, Any]], repeat: bool
) -> None:
    outcomes = ask(runner, columns(rows, repeat=repeat))
    expected = runner.predict.run_batch(rows)
    assert len(outcomes) == len(rows)
    for outcome, other in zip(outcomes, expected, strict=True):
        assert_same(outcome, other)


def test_good_warned_and_bad_rows_keep_their_order(runner: LearnerRunner) -> None:
    rows = [BAD, GOOD, WARNED, NULL, BAD, WARNED, GOOD]
    outcomes = ask(runner, columns(rows))
    for row, outcome in zip(rows, outcomes, strict=True):
        assert isinstance(outcome, InvalidInput) == (row is BAD)
        if not isinstance(outcome, Exception):
            assert bool(outcome.warnings) == (row is WARNED)


def test_a_table_of_good_rows_stays_columns_and_is_counted(runner: LearnerRunner) -> None:
    before = runner.statistics.read().items[Fate.PREDICTED]
    outcomes = ask(runner, columns([GOOD, NULL, ROW]))
    assert isinstance(outcomes, Stacked)
    assert outcomes[0].model == "shop"
    assert runner.statistics.read().items[Fate.PREDICTED] == before + 3


def test_a_column_that_the_model_does_not_know_is_warned_of_for_each_row(
    runner: LearnerRunner,
) -> None:
    table = columns([GOOD, BAD, GOOD])
    extra = Columns({**table.cells, "colour": Cells(np.array(["red"] * 3, object))}, 3)
    first, bad, last = ask(runner, extra)
    assert isinstance(bad, InvalidInput)
    for answer in (first, last):
        assert not isinstance(answer, Exception)
        assert any('"colour"' in warning for warning in answer.warnings)


def test_a_table_without_a_column_has_an_error_for_each_row(runner: LearnerRunner) -> None:
    table = columns([GOOD, GOOD])
    cells = {name: column for name, column in table.cells.items() if name != "size"}
    assert [type(outcome) for outcome in ask(runner, Columns(cells, 2))] == [InvalidInput] * 2


def test_a_table_of_no_rows_has_no_answers(runner: LearnerRunner) -> None:
    assert list(ask(runner, columns([GOOD])[0:0])) == []
