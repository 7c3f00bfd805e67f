"""A runner predicts with one model, for threads and event loops alike."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread, get_ident
from typing import Any

import learnwire_service as lw
import pytest
from fastai.callback.core import Callback
from learnwire_service import InvalidInput, ModelFailed, Runner
from learnwire_service.batching import Limits
from learnwire_service.errors import DeadlineExceeded, QueueFull, RunnerClosed
from learnwire_service.learners.choice import Choice
from learnwire_service.learners.kinds import adapter_class
from learnwire_service.learners.plan import SinglePlan
from learnwire_service.statistics import Fate
from learnwire_service.validation import DEFAULT_MAX_TEXT_CHARS

from .small_learners import ROW, ask

PATIENCE = 120  # seconds until a test that waits in vain fails
IMPATIENCE = 0.01  # seconds for which a closed gate is waited for

LABELS = ("no", "yes")


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


Gated = Callable[..., Runner]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def model(shop: Any, own_home: Path) -> lw.Model:
    return lw.save_model("shop", shop)


@pytest.fixture
def make_gated(model: lw.Model, gate: Gate) -> Iterator[Gated]:
    """Make runners whose learner answers item by item, and waits at the gate for each."""
    made: list[Runner] = []
    learner = model.load()
    learner.add_cb(gate)
    adapter = adapter_class(model.manifest.adapter)(learner, model.signature)

    def make(**limits: Any) -> Runner:
        runner = Runner(
            model.manifest,
            lambda: Choice(SinglePlan(adapter)),
            max_text_chars=DEFAULT_MAX_TEXT_CHARS,
            limits=Limits(**limits),
        )
        made.append(runner)
        return runner

    yield make
    gate.opened.set()
    for runner in made:
        runner.close()


@pytest.fixture
def gated(make_gated: Gated) -> Runner:
    return make_gated()


@pytest.fixture
def busy(make_gated: Gated, gate: Gate) -> Iterator[Runner]:
    """A runner whose learner is at an item, and that lets one more wait."""
    runner = make_gated(max_queue=1)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(runner.predict.run, ROW)
        assert gate.entered.wait(PATIENCE)
        yield runner
        gate.opened.set()
        assert first.result(PATIENCE).label in LABELS


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop go on until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0)


def test_an_answer_unpacks_and_says_who_gave_it(model: lw.Model, shop: Any) -> None:
    answer = model.to_runner().predict.run(ROW)
    label, index, probabilities = answer
    expected_index, expected = ask(shop, ROW)
    assert (label, index) == (LABELS[int(expected_index)], int(expected_index))
    assert probabilities == pytest.approx(expected, abs=1e-6)
    assert (answer.model, answer.version) == ("shop", model.manifest.version)
    assert answer.warnings == ()


def test_run_works_inside_a_running_event_loop(model: lw.Model) -> None:
    runner = model.to_runner()

    async def cell_of_a_notebook() -> Any:
        return runner.predict.run(ROW)

    assert asyncio.run(cell_of_a_notebook()).label == runner.predict.run(ROW).label


def test_run_works_while_async_run_waits_in_the_same_event_loop(model: lw.Model) -> None:
    runner = model.to_runner()
    runner.load()

    async def cell_of_a_notebook() -> tuple[Any, Any]:
        task = asyncio.create_task(runner.predict.async_run(ROW))
        await until(lambda: runner.waiting == 1)
        return runner.predict.run(ROW), await task

    blocking, other = asyncio.run(cell_of_a_notebook())
    assert blocking.label == other.label


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
    assert gated.predict.run(ROW).label in LABELS
    assert gated.statistics.items(Fate.FAILED) == 1
    assert gated.statistics.items(Fate.PREDICTED) == 1


# Cancellation, deadlines and a full queue


def test_cancelling_async_run_before_its_turn_saves_the_work(busy: Runner, gate: Gate) -> None:
    async def main() -> None:
        task = asyncio.create_task(busy.predict.async_run(ROW))
        await until(lambda: busy.waiting == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert busy.waiting == 0
    assert busy.statistics.items(Fate.CANCELLED) == 1
    gate.opened.set()
    busy.close()
    assert len(gate.threads) == 1


def test_an_item_that_is_not_answered_in_time_is_given_up(busy: Runner, gate: Gate) -> None:
    with pytest.raises(DeadlineExceeded, match="no answer within 0"):
        busy.predict.run(ROW, timeout=IMPATIENCE)
    with pytest.raises(DeadlineExceeded, match="no answer within 0"):
        asyncio.run(busy.predict.async_run(ROW, timeout=IMPATIENCE))
    assert busy.waiting == 0
    assert busy.statistics.items(Fate.EXPIRED) == 2
    gate.opened.set()
    busy.close()
    assert len(gate.threads) == 1


def test_an_item_is_given_up_in_its_batch_too(gated: Runner, gate: Gate) -> None:
    with pytest.raises(DeadlineExceeded):
        gated.predict.run(ROW, timeout=IMPATIENCE)
    gate.opened.set()
    assert gated.predict.run(ROW, timeout=PATIENCE).label in LABELS
    assert asyncio.run(gated.predict.async_run(ROW, timeout=PATIENCE)).label in LABELS
    assert gated.statistics.items(Fate.EXPIRED) == 1
    assert gated.statistics.items(Fate.PREDICTED) == 2


def test_a_full_queue_refuses_an_item_at_once(busy: Runner) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(busy.predict.async_run(ROW))
        await until(lambda: busy.waiting == 1)
        with pytest.raises(QueueFull, match="1 items wait for shop"):
            await busy.predict.async_run(ROW)
        with pytest.raises(QueueFull):
            busy.predict.run(ROW)
        waiting.cancel()

    asyncio.run(main())
    assert busy.statistics.items(Fate.REFUSED) == 2


def test_a_patient_item_waits_for_its_place(busy: Runner, gate: Gate) -> None:
    async def main() -> list[Any]:
        tasks = [asyncio.create_task(busy.ask_async(ROW, None, patient=True)) for _ in range(3)]
        await until(lambda: busy.waiting == 1)
        gate.opened.set()
        return await asyncio.gather(*tasks)

    assert [answer.label in LABELS for answer in asyncio.run(main())] == [True] * 3
    assert busy.statistics.items(Fate.REFUSED) == 0


# Many items


def test_many_items_wait_for_their_places(busy: Runner, gate: Gate) -> None:
    with ThreadPoolExecutor(1) as threads:
        answers = threads.submit(busy.predict.run_batch, [ROW] * 5)
        gate.opened.set()
        assert [answer.label in LABELS for answer in answers.result(PATIENCE)] == [True] * 5  # type: ignore[union-attr]  # none failed
    assert busy.statistics.items(Fate.REFUSED) == 0


def test_an_item_that_fails_among_many_has_its_error_in_its_place(model: lw.Model) -> None:
    runner = model.to_runner()
    items = [ROW, "text", ValueError("mine"), ROW, ROW | {"size": "2"}]

    async def main() -> Any:
        return await runner.predict.async_run_batch(items)

    for answers in (runner.predict.run_batch(iter(items)), asyncio.run(main())):
        kinds = [type(answer).__name__ for answer in answers]
        assert kinds == ["SingleLabel", "InvalidInput", "ValueError", "SingleLabel", "InvalidInput"]
        assert str(answers[2]) == "mine"


def test_many_items_are_given_up_where_their_source_fails(busy: Runner, gate: Gate) -> None:
    def rows() -> Iterator[Any]:
        yield ROW
        raise OSError("the source dried up")

    with pytest.raises(OSError, match="dried up"):
        busy.predict.run_batch(rows())
    assert busy.waiting == 0
    assert busy.statistics.items(Fate.CANCELLED) == 1
    gate.opened.set()


def test_a_cancelled_job_leaves_nothing_behind(busy: Runner, gate: Gate) -> None:
    async def main() -> None:
        job = asyncio.create_task(busy.predict.async_run_batch([ROW] * 9))
        await until(lambda: busy.waiting == 1)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

    asyncio.run(main())
    assert busy.waiting == 0
    gate.opened.set()
    assert busy.predict.run(ROW).label in LABELS
    assert len(gate.threads) == 2


def test_a_single_item_overtakes_a_job(make_gated: Gated, gate: Gate) -> None:
    runner = make_gated()
    answered: list[str] = []

    async def one() -> None:
        await runner.predict.async_run(ROW)
        answered.append("one")

    async def many() -> None:
        await runner.predict.async_run_batch([ROW] * 20)
        answered.append("many")

    async def main() -> None:
        job = asyncio.create_task(many())
        await asyncio.to_thread(gate.entered.wait, PATIENCE)
        single = asyncio.create_task(one())
        await until(lambda: runner.waiting == 20)
        gate.opened.set()
        await asyncio.gather(job, single)

    asyncio.run(main())
    assert answered == ["one", "many"]


# Closing and loading


def test_closing_gives_up_what_has_not_begun(busy: Runner, gate: Gate) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(busy.predict.async_run(ROW))
        await until(lambda: busy.waiting == 1)
        busy.close(wait=False)
        with pytest.raises(RunnerClosed):
            await waiting

    asyncio.run(main())
    gate.opened.set()
    busy.close()
    assert len(gate.threads) == 1


def test_a_closed_runner_says_so(model: lw.Model) -> None:
    for runner in (loaded := model.to_runner(), model.to_runner()):
        if runner is loaded:
            loaded.load()
        runner.close()
        with pytest.raises(RunnerClosed):
            runner.predict.run(ROW)
        with pytest.raises(RunnerClosed):
            runner.predict.run_batch([ROW])
        with pytest.raises(RunnerClosed):
            asyncio.run(runner.predict.async_run(ROW))


def test_a_runner_that_is_closed_while_it_loads_stays_closed(model: lw.Model) -> None:
    loading, go_on = Event(), Event()

    def load() -> Choice:
        loading.set()
        assert go_on.wait(PATIENCE)
        return model.load_plan()

    runner = Runner(model.manifest, load, max_text_chars=DEFAULT_MAX_TEXT_CHARS, limits=Limits())
    thread = Thread(target=runner.load)
    thread.start()
    assert loading.wait(PATIENCE)
    runner.close()
    go_on.set()
    thread.join(PATIENCE)
    with pytest.raises(RunnerClosed):
        runner.predict.run(ROW)


def test_threads_that_ask_at_once_load_the_model_once(model: lw.Model) -> None:
    loads: list[int] = []

    def load() -> Choice:
        loads.append(get_ident())
        return model.load_plan()

    runner = Runner(model.manifest, load, max_text_chars=DEFAULT_MAX_TEXT_CHARS, limits=Limits())
    with ThreadPoolExecutor(4) as threads:
        labels = {answer.label for answer in threads.map(runner.predict.run, [ROW] * 4)}
    runner.close()
    assert len(labels) == len(loads) == 1


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


def test_an_item_that_does_not_fit_is_refused(model: lw.Model) -> None:
    runner = model.to_runner()
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
