"""A runner whose learner is at work: who waits, who is refused, who gives up."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, get_ident
from typing import Any

import learnwire_service as lw
import pandas as pd
import pytest
from fastai.callback.core import Callback
from learnwire_service import LearnerRunner, ModelFailed
from learnwire_service.common.errors import DeadlineExceeded, QueueFull, RunnerClosed
from learnwire_service.common.limits import Limits
from learnwire_service.learners.kinds import adapter_class
from learnwire_service.learners.plan import SinglePlan
from learnwire_service.queue.statistics import Fate
from learnwire_service.sealed.plan import Choice

from .small_learners import ROW

Gated = Callable[..., LearnerRunner]

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


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def make_gated(saved_shop: lw.Model, gate: Gate) -> Iterator[Gated]:
    """Make runners whose learner answers item by item, and waits at the gate for each."""
    made: list[LearnerRunner] = []
    learner = saved_shop.load()
    learner.add_cb(gate)
    adapter = adapter_class(saved_shop.manifest.adapter)(learner, saved_shop.signature)

    def make(**limits: Any) -> LearnerRunner:
        runner = LearnerRunner(
            saved_shop.manifest,
            lambda settings: Choice(SinglePlan(adapter)),
            limits=Limits(**limits),
        )
        made.append(runner)
        return runner

    yield make
    gate.opened.set()
    for runner in made:
        runner.close()


@pytest.fixture
def gated(make_gated: Gated) -> LearnerRunner:
    return make_gated()


@pytest.fixture
def busy(make_gated: Gated, gate: Gate) -> Iterator[LearnerRunner]:
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


def test_async_run_answers_without_blocking_the_event_loop(
    gated: LearnerRunner, gate: Gate
) -> None:
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


def test_one_thread_that_is_not_the_callers_asks_the_learner(
    gated: LearnerRunner, gate: Gate
) -> None:
    gate.opened.set()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(gated.predict.run, [ROW] * 8))
    assert len(gate.threads) == 8
    assert len(set(gate.threads)) == 1
    assert get_ident() not in gate.threads


def test_a_model_that_raises_fails_that_item_only_with_the_cause_chained(
    gated: LearnerRunner, gate: Gate, caplog: pytest.LogCaptureFixture
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
    assert gated.statistics.read().items[Fate.FAILED] == 1
    assert gated.statistics.read().items[Fate.PREDICTED] == 1


def test_cancelling_async_run_before_its_turn_saves_the_work(
    busy: LearnerRunner, gate: Gate
) -> None:
    async def main() -> None:
        task = asyncio.create_task(busy.predict.async_run(ROW))
        await until(lambda: busy.statistics.read().waiting == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert busy.statistics.read().waiting == 0
    assert busy.statistics.read().items[Fate.CANCELLED] == 1
    gate.opened.set()
    busy.close()
    assert len(gate.threads) == 1


def test_an_item_that_is_not_answered_in_time_is_given_up(busy: LearnerRunner, gate: Gate) -> None:
    with pytest.raises(DeadlineExceeded, match="no answer within 0"):
        busy.predict.run(ROW, timeout=IMPATIENCE)
    with pytest.raises(DeadlineExceeded, match="no answer within 0"):
        asyncio.run(busy.predict.async_run(ROW, timeout=IMPATIENCE))
    assert busy.statistics.read().waiting == 0
    assert busy.statistics.read().items[Fate.EXPIRED] == 2
    gate.opened.set()
    busy.close()
    assert len(gate.threads) == 1


def test_an_item_is_given_up_in_its_batch_too(gated: LearnerRunner, gate: Gate) -> None:
    with pytest.raises(DeadlineExceeded):
        gated.predict.run(ROW, timeout=IMPATIENCE)
    gate.opened.set()
    assert gated.predict.run(ROW, timeout=PATIENCE).label in LABELS
    assert asyncio.run(gated.predict.async_run(ROW, timeout=PATIENCE)).label in LABELS
    assert gated.statistics.read().items[Fate.EXPIRED] == 1
    assert gated.statistics.read().items[Fate.PREDICTED] == 2


def test_calls_within_some_seconds_are_given_up_whatever_is_asked(
    gated: LearnerRunner, gate: Gate
) -> None:
    method = gated.predict.within(0.01)
    frame = pd.DataFrame([ROW])
    calls: list[Callable[[], Any]] = [
        lambda: method.run(ROW),
        lambda: method.run(frame),
        lambda: method.run_batch([ROW]),
        lambda: method.run_batch(frame),
        lambda: asyncio.run(method.async_run(ROW)),
        lambda: asyncio.run(method.async_run(frame)),
        lambda: asyncio.run(method.async_run_batch([ROW])),
        lambda: asyncio.run(method.async_run_batch(frame)),
    ]
    for call in calls:
        with pytest.raises(lw.DeadlineExceeded, match=r"no answer within 0.01 s"):
            call()
    gate.opened.set()
    # The method itself has no such bound, and a call may have another.
    assert gated.predict.run(ROW).label in LABELS
    assert method.run(ROW, timeout=PATIENCE).label in LABELS
    [answer] = gated.predict.within(PATIENCE).run_batch([ROW])
    assert not isinstance(answer, Exception)
    assert answer.label in LABELS


def test_a_full_queue_refuses_an_item_at_once(busy: LearnerRunner) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(busy.predict.async_run(ROW))
        await until(lambda: busy.statistics.read().waiting == 1)
        with pytest.raises(QueueFull, match="1 items wait for shop"):
            await busy.ask_async(ROW, None)
        with pytest.raises(QueueFull):
            busy.predict.run(ROW)
        waiting.cancel()

    asyncio.run(main())
    assert busy.statistics.read().items[Fate.REFUSED] == 2


def test_a_patient_item_waits_for_its_place(busy: LearnerRunner, gate: Gate) -> None:
    async def main() -> list[Any]:
        tasks = [asyncio.create_task(busy.predict.async_run(ROW)) for _ in range(3)]
        await until(lambda: busy.statistics.read().waiting == 1)
        gate.opened.set()
        return await asyncio.gather(*tasks)

    assert [answer.label in LABELS for answer in asyncio.run(main())] == [True] * 3
    assert busy.statistics.read().items[Fate.REFUSED] == 0


def test_many_items_wait_for_their_places(busy: LearnerRunner, gate: Gate) -> None:
    with ThreadPoolExecutor(1) as threads:
        answers = threads.submit(busy.predict.run_batch, [ROW] * 5)
        gate.opened.set()
        assert [answer.label in LABELS for answer in answers.result(PATIENCE)] == [True] * 5  # type: ignore[union-attr]  # none failed
    assert busy.statistics.read().items[Fate.REFUSED] == 0


def test_many_items_are_given_up_where_their_source_fails(busy: LearnerRunner, gate: Gate) -> None:
    def rows() -> Iterator[Any]:
        yield ROW
        raise OSError("the source dried up")

    with pytest.raises(OSError, match="dried up"):
        busy.predict.run_batch(rows())
    assert busy.statistics.read().waiting == 0
    assert busy.statistics.read().items[Fate.CANCELLED] == 1
    gate.opened.set()


def test_a_cancelled_job_leaves_nothing_behind(busy: LearnerRunner, gate: Gate) -> None:
    async def main() -> None:
        job = asyncio.create_task(busy.predict.async_run_batch([ROW] * 9))
        await until(lambda: busy.statistics.read().waiting == 1)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

    asyncio.run(main())
    assert busy.statistics.read().waiting == 0
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
        await until(lambda: runner.statistics.read().waiting == 20)
        gate.opened.set()
        await asyncio.gather(job, single)

    asyncio.run(main())
    assert answered == ["one", "many"]


def test_closing_gives_up_what_has_not_begun(busy: LearnerRunner, gate: Gate) -> None:
    async def main() -> None:
        waiting = asyncio.create_task(busy.predict.async_run(ROW))
        await until(lambda: busy.statistics.read().waiting == 1)
        busy.close(wait=False)
        with pytest.raises(RunnerClosed):
            await waiting

    asyncio.run(main())
    gate.opened.set()
    busy.close()
    assert len(gate.threads) == 1
