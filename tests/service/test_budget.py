"""Models within a budget of memory: who is unloaded, who is loaded again, what callers notice."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import learnwire_service as lw
import pytest
from learnwire_service.common.errors import CorruptModel, ModelNotReady, UnloadableModel
from learnwire_service.common.settings import ServerSettings
from learnwire_service.queue.statistics import Fate
from learnwire_service.runners.budget import Budget
from learnwire_service.runners.learner import LearnerRunner
from learnwire_service.sealed.plan import Choice

from .small_learners import ROW
from .test_runner import PATIENCE, until

SIZE = 10

Make = Callable[..., list[LearnerRunner]]


class Loader:
    """Loads a model, tells how often it has, and waits or fails when a test says so."""

    def __init__(self, model: lw.Model) -> None:
        self._model = model
        self.loads = 0
        self.begun, self.opened = Event(), Event()
        self.opened.set()
        self.fails = False

    def __call__(self, settings: ServerSettings) -> Choice:
        self.loads += 1
        self.begun.set()
        assert self.opened.wait(PATIENCE)
        if self.fails:
            raise CorruptModel("its network is gone")
        return self._model.load_plan()


def within(
    budget: Budget, loader: Callable[[ServerSettings], Choice], model: lw.Model, **settings: Any
) -> LearnerRunner:
    """Make a runner that is known to take SIZE bytes."""
    runner = LearnerRunner(model.manifest, loader)
    runner.memory_bytes = SIZE
    runner.keep_within(budget)
    runner.hold(ServerSettings.model_validate(settings))
    return runner


def loaded(*runners: LearnerRunner) -> list[bool]:
    return [runner.choice is not None for runner in runners]


def test_the_one_not_asked_for_longest_makes_room_and_is_loaded_again(saved_shop: lw.Model) -> None:
    budget, loaders = Budget(2 * SIZE), [Loader(saved_shop) for _ in range(3)]
    first, second, third = (within(budget, one, saved_shop) for one in loaders)
    answers = [one.predict.run(ROW) for one in (first, second, first, third)]
    assert loaded(first, second, third) == [True, False, True]
    assert all(one.is_ready for one in (first, second, third))
    answers += [second.predict.run(ROW), third.predict.run_batch([ROW])[0]]
    assert loaded(first, second, third) == [False, True, True]
    assert [one.loads for one in loaders] == [1, 2, 1]
    assert len({answer.probabilities.tobytes() for answer in answers}) == 1
    assert first.statistics.read().items[Fate.PREDICTED] == 2


def test_what_was_not_asked_for_some_time_is_unloaded_and_answers_all_the_same(
    saved_shop: lw.Model,
) -> None:
    budget = Budget(2 * SIZE)
    one, other = (within(budget, Loader(saved_shop), saved_shop) for _ in range(2))
    one.predict.run(ROW)
    began = time.monotonic()
    answer = other.predict.run(ROW)
    budget.unload_unused(began)
    assert loaded(one, other) == [False, True]
    budget.unload_unused(time.monotonic())
    assert loaded(one, other) == [False, False]
    assert one.predict.run(ROW).label == answer.label


def test_nothing_is_unloaded_while_a_model_is_loaded(saved_shop: lw.Model) -> None:
    budget, loader = Budget(2 * SIZE), Loader(saved_shop)
    one, other = within(budget, Loader(saved_shop), saved_shop), within(budget, loader, saved_shop)
    one.load()
    loader.opened.clear()
    thread = Thread(target=other.load)
    thread.start()
    assert loader.begun.wait(PATIENCE)
    budget.unload_unused(time.monotonic())
    loader.opened.set()
    thread.join()
    assert loaded(one, other) == [True, True]


def test_drift_and_statistics_go_on_when_a_model_is_loaded_again(saved_shop: lw.Model) -> None:
    budget = Budget(SIZE)
    one, other = (within(budget, Loader(saved_shop), saved_shop) for _ in range(2))
    assert one.drift() is None
    one.predict.run(ROW)
    other.predict.run(ROW)
    assert loaded(one, other) == [False, True]
    assert (drift := one.drift()) is not None
    assert drift.items == 1
    one.predict.run(ROW)
    assert one.statistics.read().items[Fate.PREDICTED] == 2


def test_a_call_in_flight_is_answered_though_its_model_is_unloaded(saved_shop: lw.Model) -> None:
    runner = within(Budget(SIZE), Loader(saved_shop), saved_shop)

    async def main() -> Any:
        await runner.predict.async_run(ROW)
        calls = [asyncio.create_task(runner.predict.async_run(ROW)) for _ in range(20)]
        await until(lambda: runner.statistics.read().waiting > 0)
        runner.unload()
        return await asyncio.gather(*calls)

    assert len({answer.label for answer in asyncio.run(main())}) == 1


def test_first_calls_at_the_same_time_load_once_though_one_gives_up(saved_shop: lw.Model) -> None:
    loader = Loader(saved_shop)
    runner = within(Budget(SIZE), loader, saved_shop)
    runner.load()
    runner.unload()
    loader.opened.clear()
    loader.begun.clear()

    async def main() -> Any:
        calls = [asyncio.create_task(runner.predict.async_run(ROW)) for _ in range(50)]
        await until(loader.begun.is_set)
        calls.pop().cancel()
        loader.opened.set()
        return await asyncio.gather(*calls)

    assert len(asyncio.run(main())) == 49
    assert loader.loads == 2


def test_a_first_call_is_told_to_try_again_where_that_is_said(saved_shop: lw.Model) -> None:
    loader = Loader(saved_shop)
    runner = within(Budget(SIZE), loader, saved_shop, on_unloaded="refuse")
    runner.load()
    runner.unload()
    loader.opened.clear()

    async def main() -> Any:
        for _ in range(3):
            with pytest.raises(ModelNotReady, match="is being loaded; try again shortly"):
                await runner.predict.async_run(ROW)
        loader.opened.set()
        await until(lambda: runner.choice is not None)
        return await runner.predict.async_run(ROW)

    assert asyncio.run(main()).model == "shop"
    assert loader.loads == 2


def test_a_load_that_never_ends_holds_up_no_other(saved_shop: lw.Model) -> None:
    budget = Budget(2 * SIZE, load_seconds=0.01)
    loader = Loader(saved_shop)
    one, other = within(budget, loader, saved_shop), within(budget, Loader(saved_shop), saved_shop)
    loader.opened.clear()
    with ThreadPoolExecutor(1) as threads:
        hangs = threads.submit(one.load)
        try:
            assert loader.begun.wait(PATIENCE)
            assert other.predict.run(ROW).model == "shop"
            # Nor is the room of others kept from those who need it.
            budget.unload_unused(time.monotonic())
            assert loaded(one, other) == [False, False]
        finally:
            loader.opened.set()
        # What was given up is not kept, and may be loaded anew.
        with pytest.raises(UnloadableModel, match="as long as --load-timeout allows"):
            hangs.result(PATIENCE)
    assert one.predict.run(ROW).model == "shop"


def test_callers_do_not_wait_for_a_load_that_never_ends(saved_shop: lw.Model) -> None:
    loader = Loader(saved_shop)
    runner = within(Budget(SIZE), loader, saved_shop, load_timeout=0.01)
    runner.load()
    runner.unload()
    loader.opened.clear()
    with pytest.raises(ModelNotReady, match="did not load within"):
        asyncio.run(runner.predict.async_run(ROW))
    loader.opened.set()
    assert runner.predict.run(ROW).model == "shop"
    assert loader.loads == 2


def test_what_does_not_load_again_is_told_and_tried_anew(saved_shop: lw.Model) -> None:
    loader = Loader(saved_shop)
    runner = within(Budget(SIZE), loader, saved_shop)
    runner.load()
    runner.unload()
    loader.fails = True
    with pytest.raises(CorruptModel, match="its network is gone"):
        asyncio.run(runner.predict.async_run(ROW))
    loader.fails = False
    assert asyncio.run(runner.predict.async_run(ROW)).model == "shop"


def test_what_does_not_load_again_is_in_the_log_where_callers_are_told_to_try_again(
    saved_shop: lw.Model, caplog: pytest.LogCaptureFixture
) -> None:
    loader = Loader(saved_shop)
    runner = within(Budget(SIZE), loader, saved_shop, on_unloaded="refuse")
    runner.load()
    runner.unload()
    loader.fails = True

    async def main() -> None:
        with pytest.raises(ModelNotReady, match="is being loaded; try again shortly"):
            await runner.predict.async_run(ROW)
        await until(lambda: "not loaded" in caplog.messages)

    asyncio.run(main())


@pytest.mark.slow
def test_many_models_asked_at_random_by_many_are_all_answered(saved_shop: lw.Model) -> None:
    budget = Budget(2 * SIZE)
    runners = [within(budget, Loader(saved_shop), saved_shop) for _ in range(4)]

    async def main() -> Any:
        async def ask(number: int) -> list[Any]:
            order = [runners[(number * 7 + turn * turn) % 4] for turn in range(4)]
            return [await runner.predict.async_run(ROW) for runner in order]

        return await asyncio.gather(*map(ask, range(4)))

    answers = [answer for some in asyncio.run(main()) for answer in some]
    assert len(answers) == 16
    assert len({answer.probabilities.tobytes() for answer in answers}) == 1
    assert sum(loaded(*runners)) <= 2


def test_who_was_released_takes_no_room(saved_shop: lw.Model) -> None:
    budget = Budget(SIZE)
    one, other = (within(budget, Loader(saved_shop), saved_shop) for _ in range(2))
    one.load()
    one.release()
    assert not one.is_ready
    other.load()
    assert loaded(one, other) == [False, True]
    assert not one.is_ready
