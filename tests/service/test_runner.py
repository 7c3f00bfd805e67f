"""A runner predicts with one model, one item at a time, for threads and event loops alike."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, get_ident
from typing import Any

import learnwire_service as lw
import pytest
from fastai.callback.core import Callback
from learnwire_service import InvalidInput, ModelFailed, Runner
from learnwire_service.validation import DEFAULT_MAX_TEXT_CHARS

from .small_learners import ROW, ask

PATIENCE = 120  # seconds until a test that waits in vain fails


class Gate(Callback):  # type: ignore[misc]  # fastai is untyped
    """Keeps the learner from answering until it is opened; fails on request."""

    def __init__(self) -> None:
        self.entered, self.opened = Event(), Event()
        self.fault: Exception | None = None
        self.threads: list[int] = []

    def before_batch(self) -> None:
        self.threads.append(get_ident())
        self.entered.set()
        assert self.opened.wait(PATIENCE), "nobody opened the gate"
        if self.fault:
            raise self.fault


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def model(shop: Any, own_home: Path) -> lw.Model:
    return lw.save_model("shop", shop)


@pytest.fixture
def gated(model: lw.Model, gate: Gate) -> Iterator[Runner]:
    """A runner whose learner waits at the gate."""
    plan = model.load_plan()
    plan.learner.add_cb(gate)
    runner = Runner(model.manifest, lambda: plan, max_text_chars=DEFAULT_MAX_TEXT_CHARS)
    yield runner
    gate.opened.set()
    runner.close()


def test_an_answer_unpacks_and_says_who_gave_it(model: lw.Model, shop: Any) -> None:
    answer = model.to_runner().predict.run(ROW)
    label, index, probabilities = answer
    expected_index, expected = ask(shop, ROW)
    assert (label, index) == (("no", "yes")[int(expected_index)], int(expected_index))
    assert probabilities == pytest.approx(expected, abs=1e-6)
    assert (answer.model, answer.version) == ("shop", model.manifest.version)
    assert answer.warnings == ()


def test_run_works_inside_a_running_event_loop(model: lw.Model) -> None:
    runner = model.to_runner()

    async def cell_of_a_notebook() -> Any:
        return runner.predict.run(ROW)

    assert asyncio.run(cell_of_a_notebook()).label == runner.predict.run(ROW).label


def test_async_run_answers_without_blocking_the_event_loop(gated: Runner, gate: Gate) -> None:
    async def main() -> tuple[Any, bool]:
        answers = asyncio.gather(*(gated.predict.async_run(ROW) for _ in range(3)))
        await asyncio.to_thread(gate.entered.wait, PATIENCE)
        done_before = answers.done()
        gate.opened.set()
        return await answers, done_before

    answers, done_before = asyncio.run(main())
    assert not done_before
    assert len({answer.label for answer in answers}) == 1
    assert len(gate.threads) == 3


def test_many_threads_get_the_answers_that_one_gets(texts: Any, own_home: Path) -> None:
    runner = lw.save_model("texts", texts).to_runner()
    words = ["good", "bad", "fine", "poor", "slow", "fast"]
    items = [" ".join(words[i % 6 :] + words[: i % 4] * 9) for i in range(24)]
    alone = [ask(texts, item)[1] for item in items]
    barrier = Barrier(8)

    def ask_some(start: int) -> list[Any]:
        barrier.wait(PATIENCE)
        return [runner.predict.run(item).probabilities for item in items[start::8]]

    with ThreadPoolExecutor(8) as threads:
        for start, answers in enumerate(threads.map(ask_some, range(8))):
            for answer, expected in zip(answers, alone[start::8], strict=True):
                assert answer == pytest.approx(expected, abs=1e-6)


def test_one_thread_that_is_not_the_callers_asks_the_learner(gated: Runner, gate: Gate) -> None:
    gate.opened.set()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(gated.predict.run, [ROW] * 8))
    assert len(gate.threads) == 8
    assert len(set(gate.threads)) == 1
    assert get_ident() not in gate.threads


def test_a_model_that_raises_fails_that_item_only_with_the_cause_chained(
    gated: Runner, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    gate.opened.set()
    gate.fault = ZeroDivisionError("secret detail")
    with pytest.raises(ModelFailed) as caught:
        gated.predict.run(ROW)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "secret detail" not in str(caught.value)
    assert "secret detail" in caplog.text
    gate.fault = None
    assert gated.predict.run(ROW).label in ("no", "yes")


def test_a_cancelled_item_never_reaches_the_learner(gated: Runner, gate: Gate) -> None:
    first = gated.submit([ROW])
    assert gate.entered.wait(PATIENCE)
    second, third = gated.submit([ROW]), gated.submit([ROW])
    assert second.cancel()
    gate.opened.set()
    [answer], [again] = first.result(PATIENCE), third.result(PATIENCE)
    assert isinstance(answer, tuple)
    assert isinstance(again, tuple)
    assert len(gate.threads) == 2


def test_cancelling_async_run_before_its_turn_saves_the_work(gated: Runner, gate: Gate) -> None:
    async def main() -> None:
        first = asyncio.create_task(gated.predict.async_run(ROW))
        await asyncio.to_thread(gate.entered.wait, PATIENCE)
        second = asyncio.create_task(gated.predict.async_run(ROW))
        await asyncio.sleep(0)  # one step of the loop, in which it is queued
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.opened.set()
        await first

    asyncio.run(main())
    gated.close()
    assert len(gate.threads) == 1


def test_closing_gives_up_what_has_not_begun(gated: Runner, gate: Gate) -> None:
    running = gated.submit([ROW])
    assert gate.entered.wait(PATIENCE)
    waiting = gated.submit([ROW])
    with ThreadPoolExecutor(1) as threads:
        closing = threads.submit(gated.close)
        with pytest.raises(CancelledError):
            waiting.result(PATIENCE)
        gate.opened.set()
        closing.result(PATIENCE)
    [answer] = running.result(0)
    assert isinstance(answer, tuple)
    assert len(gate.threads) == 1


def test_warnings_arrive_with_the_answer_which_is_the_learners_own(
    model: lw.Model, shop: Any
) -> None:
    answer = model.to_runner().predict.run(ROW | {"shop": "east", "colour": "red"})
    assert len(answer.warnings) == 2
    assert '"shop"' in answer.warnings[0]
    assert '"colour"' in answer.warnings[1]
    assert answer.probabilities == pytest.approx(ask(shop, ROW | {"shop": None})[1], abs=1e-6)


def test_an_unknown_category_is_refused_where_the_model_was_saved_so(
    shop: Any, own_home: Path
) -> None:
    runner = lw.save_model("strict", shop, unknown_categories="refuse").to_runner()
    with pytest.raises(InvalidInput, match='expected one of the string "north", '):
        runner.predict.run(ROW | {"shop": "east"})


def test_an_item_that_does_not_fit_is_refused_before_the_model_is_even_loaded(
    model: lw.Model,
) -> None:
    runner = model.to_runner()
    for item in (ROW | {"size": "2"}, {}, "text", None):
        with pytest.raises(InvalidInput):
            runner.predict.run(item)
        with pytest.raises(InvalidInput):
            asyncio.run(runner.predict.async_run(item))
    assert not runner.is_ready


def test_a_text_longer_than_the_runner_takes_is_refused(texts: Any, own_home: Path) -> None:
    runner = lw.save_model("texts", texts).to_runner(max_text_chars=4)
    assert runner.predict.run("good").label in ("kind", "unkind")
    with pytest.raises(InvalidInput, match="at most 4 characters, got 5"):
        runner.predict.run("goods")


def test_a_runner_is_ready_once_it_has_loaded(model: lw.Model) -> None:
    runner = model.to_runner()
    assert not runner.is_ready
    runner.load()
    assert runner.is_ready
    lw.delete_model("shop")
    runner.load()
    assert runner.predict.run(ROW).label in ("no", "yes")


def test_a_runner_that_could_not_load_says_so_each_time(model: lw.Model) -> None:
    runner = model.to_runner()
    lw.delete_model("shop")
    for attempt in (runner.load, lambda: runner.predict.run(ROW)):
        with pytest.raises(lw.CorruptModel, match="missing"):
            attempt()
    assert not runner.is_ready
