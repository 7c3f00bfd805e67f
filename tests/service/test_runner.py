"""A runner predicts with one model, for threads and event loops alike."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread, get_ident
from typing import Any

import learnwire_service as lw
import pytest
from learnwire_service import InvalidInput, LearnerRunner
from learnwire_service.common.errors import RunnerClosed
from learnwire_service.common.settings import ServerSettings
from learnwire_service.sealed.plan import Choice

from .small_learners import ROW, ask

PATIENCE = 120  # seconds until a test that waits in vain fails
IMPATIENCE = 0.01  # seconds for which a closed gate is waited for

LABELS = ("no", "yes")


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop go on until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0)


def test_an_answer_unpacks_and_says_who_gave_it(saved_shop: lw.Model, shop: Any) -> None:
    answer = saved_shop.to_runner().predict.run(ROW)
    label, index, probabilities = answer
    expected_index, expected = ask(shop, ROW)
    assert (label, index) == (LABELS[int(expected_index)], int(expected_index))
    assert probabilities == pytest.approx(expected, abs=1e-6)
    assert (answer.model, answer.version) == ("shop", saved_shop.manifest.version)
    assert answer.warnings == ()


def test_run_works_inside_a_running_event_loop(saved_shop: lw.Model) -> None:
    runner = saved_shop.to_runner()

    async def cell_of_a_notebook() -> Any:
        return runner.predict.run(ROW)

    assert asyncio.run(cell_of_a_notebook()).label == runner.predict.run(ROW).label


def test_run_works_while_async_run_waits_in_the_same_event_loop(saved_shop: lw.Model) -> None:
    runner = saved_shop.to_runner()
    runner.load()

    async def cell_of_a_notebook() -> tuple[Any, Any]:
        task = asyncio.create_task(runner.predict.async_run(ROW))
        await until(lambda: runner.statistics.read().waiting == 1)
        return runner.predict.run(ROW), await task

    blocking, other = asyncio.run(cell_of_a_notebook())
    assert blocking.label == other.label


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


def test_an_item_that_fails_among_many_has_its_error_in_its_place(saved_shop: lw.Model) -> None:
    runner = saved_shop.to_runner()
    items = [ROW, "text", ValueError("mine"), ROW, ROW | {"size": "2"}]

    async def main() -> Any:
        return await runner.predict.async_run_batch(items)

    for answers in (runner.predict.run_batch(iter(items)), asyncio.run(main())):
        kinds = [type(answer).__name__ for answer in answers]
        assert kinds == ["SingleLabel", "InvalidInput", "ValueError", "SingleLabel", "InvalidInput"]
        assert str(answers[2]) == "mine"


def test_a_closed_runner_says_so(saved_shop: lw.Model) -> None:
    for runner in (loaded := saved_shop.to_runner(), saved_shop.to_runner()):
        if runner is loaded:
            loaded.load()
        runner.close()
        with pytest.raises(RunnerClosed):
            runner.predict.run(ROW)
        with pytest.raises(RunnerClosed):
            runner.predict.run_batch([ROW])
        with pytest.raises(RunnerClosed):
            asyncio.run(runner.predict.async_run(ROW))


def test_a_runner_that_is_closed_while_it_loads_stays_closed(saved_shop: lw.Model) -> None:
    loading, go_on = Event(), Event()

    def load(settings: ServerSettings) -> Choice:
        loading.set()
        assert go_on.wait(PATIENCE)
        return saved_shop.load_plan()

    runner = LearnerRunner(saved_shop.manifest, load)
    thread = Thread(target=runner.load)
    thread.start()
    assert loading.wait(PATIENCE)
    runner.close()
    go_on.set()
    thread.join(PATIENCE)
    with pytest.raises(RunnerClosed):
        runner.predict.run(ROW)


def test_threads_that_ask_at_once_load_the_model_once(saved_shop: lw.Model) -> None:
    loads: list[int] = []

    def load(settings: ServerSettings) -> Choice:
        loads.append(get_ident())
        return saved_shop.load_plan()

    runner = LearnerRunner(saved_shop.manifest, load)
    with ThreadPoolExecutor(4) as threads:
        labels = {answer.label for answer in threads.map(runner.predict.run, [ROW] * 4)}
    runner.close()
    assert len(labels) == len(loads) == 1


def test_warnings_arrive_with_the_answer_which_is_the_learners_own(
    saved_shop: lw.Model, shop: Any
) -> None:
    answer = saved_shop.to_runner().predict.run(ROW | {"shop": "east", "colour": "red"})
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


def test_an_item_that_does_not_fit_is_refused(saved_shop: lw.Model) -> None:
    runner = saved_shop.to_runner()
    for item in (ROW | {"size": "2"}, {}, "text", None):
        with pytest.raises(InvalidInput):
            runner.predict.run(item)
        with pytest.raises(InvalidInput):
            asyncio.run(runner.predict.async_run(item))


def test_a_text_longer_than_the_runner_takes_is_refused(texts: Any, own_home: Path) -> None:
    runner = lw.save_model("texts", texts).to_runner(max_text_chars=4)
    assert runner.predict.run("good").label in ("kind", "unkind")
    with pytest.raises(InvalidInput, match="at most 4 characters, got 5"):
        runner.predict.run("goods")


def test_a_runner_is_ready_once_it_has_loaded(saved_shop: lw.Model) -> None:
    runner = saved_shop.to_runner()
    assert not runner.is_ready
    runner.load()
    assert runner.is_ready
    lw.delete_model("shop")
    runner.load()
    assert runner.predict.run(ROW).label in ("no", "yes")


def test_a_runner_that_could_not_load_says_so_each_time(saved_shop: lw.Model) -> None:
    runner = saved_shop.to_runner()
    lw.delete_model("shop")
    for attempt in (runner.load, lambda: runner.predict.run(ROW)):
        with pytest.raises(lw.CorruptModel, match="missing"):
            attempt()
    assert not runner.is_ready
