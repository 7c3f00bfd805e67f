"""Runners of what is no fastai Learner: its methods, batched where they say so."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import get_ident
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from learnwire_service.common.errors import DeadlineExceeded, RunnerClosed
from learnwire_service.queue.statistics import Fate
from learnwire_service.runners.base import BaseRunner

from .runnables import PATIENCE, Guilty, Rules

IMPATIENCE = 0.01  # seconds for which a closed gate is waited for


class Bench:
    """A runner of rules, and a way to have calls wait for each other."""

    def __init__(self, **limits: Any) -> None:
        made: list[Rules] = []

        class Kept(Rules):
            def __init__(self, **arguments: Any) -> None:
                super().__init__(**arguments)
                made.append(self)

        self.runner = lw.Runner(Kept, name="rules", limits=lw.Limits(**limits))
        self.runner.load()
        [self.rules] = made
        self._threads = ThreadPoolExecutor(64)

    def ask(self, method: str, *args: Any, **kwargs: Any) -> "Future[Any]":
        return self._threads.submit(getattr(self.runner, method).run, *args, **kwargs)

    def hold(self) -> "Future[Any]":
        """Keep the runner busy, until the gate is opened."""
        held = self.ask("wait")
        assert self.rules.entered.wait(PATIENCE)
        self.rules.calls.clear()
        return held

    def together(self, *calls: Callable[[], Any]) -> list[Any]:
        """Let calls wait until all of them do, in this order; give what each gave or raised."""

        async def main() -> list[Any]:
            self.hold()
            tasks = []
            for call in calls:
                tasks.append(asyncio.create_task(call()))
                await asyncio.sleep(0)
            self.rules.opened.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

        return asyncio.run(asyncio.wait_for(main(), PATIENCE))

    def close(self) -> None:
        self.rules.opened.set()
        self._threads.shutdown()
        self.runner.close()


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**limits: Any) -> Bench:
        made.append(Bench(**limits))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make()


def test_a_method_is_called_with_what_the_caller_gave(bench: Bench) -> None:
    bench.rules.opened.set()
    assert bench.runner.wait.run("a") == "a"
    assert bench.runner.wait.run(value={"b": 1}) == {"b": 1}
    np.testing.assert_array_equal(bench.runner.scale.run(np.ones(3), plus=1), [3, 3, 3])


def test_init_args_make_the_runnable_when_it_is_first_asked() -> None:
    runner = lw.Runner(Rules, {"factor": 10.0})
    try:
        assert not runner.is_ready
        assert runner.scale.run(np.ones(1)).tolist() == [10.0]
        assert runner.is_ready
    finally:
        runner.close()


def test_a_runner_of_rules_is_a_runner_like_all_others(bench: Bench) -> None:
    runner: BaseRunner = bench.runner
    assert runner.name == "rules"
    assert runner.statistics.read().waiting == 0


@pytest.mark.parametrize(
    ("name", "snake"), [("MyRunnable", "my_runnable"), ("HTTPRules2Go", "http_rules2_go")]
)
def test_its_name_is_the_classs_in_snake_case(name: str, snake: str) -> None:
    assert lw.Runner(type(name, (Rules,), {})).name == snake


def test_one_thread_that_is_not_the_callers_calls_all_methods(bench: Bench) -> None:
    bench.rules.opened.set()
    bench.rules.threads.clear()
    for future in [bench.ask("wait", i) for i in range(20)]:
        future.result(PATIENCE)
    assert len(bench.rules.threads) == 1
    assert get_ident() not in bench.rules.threads


def test_calls_that_wait_together_are_made_as_one(bench: Bench) -> None:
    scale = bench.runner.scale.async_run
    rows = [np.arange(n, dtype=float).reshape(n, 1) + n for n in (1, 3, 0, 2)]
    answers = bench.together(*(lambda one=one: scale(one) for one in rows))
    assert bench.rules.calls == [6]
    for one, answer in zip(rows, answers, strict=True):
        np.testing.assert_array_equal(answer, one * 2)


def test_statistics_count_rows(bench: Bench) -> None:
    scale = bench.runner.scale.async_run
    bench.together(lambda: scale(np.ones(5)), lambda: scale(np.ones(2)))
    read = bench.runner.statistics.read()
    assert read.batch_items.sum == 8  # seven rows, and the call that held the runner
    assert read.batch_items.count == 2
    assert read.items[Fate.PREDICTED] == 8


def test_a_method_that_is_not_batchable_is_called_for_each(bench: Bench) -> None:
    wait = bench.runner.wait.async_run
    assert bench.together(*(lambda i=i: wait(i) for i in range(3))) == [0, 1, 2]
    assert bench.rules.calls == [0, 1, 2]
    assert bench.runner.statistics.read().batch_items.count == 4


def test_rows_lie_along_the_batch_dim(bench: Bench) -> None:
    add = bench.runner.add.async_run
    left, right = np.arange(6).reshape(2, 3), np.ones((2, 3))
    first, second = bench.together(
        lambda: add(left, right), lambda: add(left[:, :1], right=right[:, :1])
    )
    assert bench.rules.calls == [(2, 4)]
    np.testing.assert_array_equal(first, left + 1)
    np.testing.assert_array_equal(second, left[:, :1] + 1)


def test_calls_that_do_not_fit_together_go_apart_and_harm_no_others(bench: Bench) -> None:
    scale = bench.runner.scale.async_run
    answers = bench.together(
        lambda: scale(np.ones((2, 3))),
        lambda: scale(np.ones((2, 4))),
        lambda: scale(np.ones((1, 3), np.float32)),
        lambda: scale(np.ones((1, 3))),
        lambda: scale(np.ones((1, 3)), plus=1.0),
        lambda: scale(np.ones((1, 3)), plus=np.ones(1)),
    )
    assert bench.rules.calls == [3, 2, 1, 1, 1]
    assert [answer.shape for answer in answers] == [(2, 3), (2, 4), *[(1, 3)] * 4]
    assert answers[2].dtype == np.float32
    assert answers[4].max() == answers[5].max() == 3


def test_frames_are_numbered_anew_and_given_back_with_their_own_numbers(bench: Bench) -> None:
    frame = pd.DataFrame({"price": [1.0, 2.0, 3.0], "name": ["a", "b", "c"]}, index=[7, 7, 9])
    judge = bench.runner.judge.async_run
    first, second, third = bench.together(
        lambda: judge(frame), lambda: judge(frame[:1]), lambda: judge(frame[2:])
    )
    expected = frame.assign(price=frame["price"] * 2)
    pd.testing.assert_frame_equal(first.doubled, expected)
    pd.testing.assert_frame_equal(second.doubled, expected[:1])
    pd.testing.assert_frame_equal(third.doubled, expected[2:])
    assert (first.names, second.names, third.names) == (["a", "b", "c"], ["a"], ["c"])
    assert bench.runner.statistics.read().batch_items.count == 2


def test_lists_share_a_batch_where_the_other_arguments_are_equal(bench: Bench) -> None:
    shorten = bench.runner.shorten.async_run
    answers = bench.together(
        lambda: shorten(["one", "two"], 2),
        lambda: shorten(["three"], 1),
        lambda: shorten(["four"], count=2),
    )
    assert answers == [["on", "tw"], ["t"], ["fo"]]
    assert bench.rules.calls == [["one", "two", "four"], ["three"]]


def test_numbers_stay_numbers_beside_strings(bench: Bench) -> None:
    as_array = bench.runner.as_array.async_run
    one, two, three, four = bench.together(
        lambda: as_array([1]),
        lambda: as_array(["a"]),
        lambda: as_array([[1], [2]]),
        lambda: as_array([["a"]]),
    )
    assert (one.tolist(), two.tolist()) == ([1], ["a"])
    assert (three.tolist(), four.tolist()) == ([[1], [2]], [["a"]])


def test_rows_that_a_method_moves_about_come_to_no_other_caller(bench: Bench) -> None:
    tidy = bench.runner.tidy.async_run
    frames = [pd.DataFrame({"price": prices}) for prices in ([4.0, 3.0], [1.0], [5.0, 6.0])]
    moved, alone, ordered = bench.together(*(lambda one=one: tidy(one) for one in frames))
    assert isinstance(moved, lw.ModelFailed)
    assert "in the order in which they were given" in str(moved.__cause__)
    assert (alone["price"].tolist(), ordered["price"].tolist()) == ([1], [5, 6])


def test_the_call_that_makes_a_batch_fail_fails_alone(bench: Bench) -> None:
    scale = bench.runner.scale.async_run
    good, bad, fine = bench.together(
        lambda: scale(np.ones(2)), lambda: scale(np.array([1.0, -1.0])), lambda: scale(np.zeros(1))
    )
    assert (good.tolist(), fine.tolist()) == ([2, 2], [0])
    assert isinstance(bad, lw.ModelFailed)
    assert isinstance(bad.__cause__, Guilty)
    assert bench.rules.calls == [5, 2, 2, 1]
    read = bench.runner.statistics.read()
    assert (read.items[Fate.PREDICTED], read.items[Fate.FAILED]) == (4, 2)


def test_a_result_of_the_wrong_length_is_an_error_of_its_own_calls(bench: Bench) -> None:
    lose = bench.runner.lose.async_run
    one, two, none = bench.together(lambda: lose([1]), lambda: lose([2, 3]), lambda: lose([]))
    assert one == [1]
    assert isinstance(two, lw.ModelFailed)
    assert "expected 2 rows, as many as were given, got 1" in str(two.__cause__)
    assert "got int" in str(none.__cause__)


@pytest.mark.parametrize("fault", [Guilty(), SystemExit(1), TimeoutError()])
def test_whatever_a_method_raises_the_runner_goes_on(bench: Bench, fault: BaseException) -> None:
    with pytest.raises(lw.ModelFailed, match="rules failed on this input") as caught:
        bench.runner.panic.run(fault)
    assert repr(fault) in repr(caught.value.__cause__)
    assert bench.runner.scale.run(np.ones(1)).tolist() == [2]


def test_an_error_of_learnwires_comes_as_it_is(bench: Bench) -> None:
    error = lw.ModelNotFound("no such rule")
    with pytest.raises(lw.ModelNotFound) as caught:
        bench.runner.panic.run(error)
    assert caught.value is error


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda runner: runner.scale.run(3.0), "scale: expected rows in an array"),
        (lambda runner: runner.scale.run(np.float64(3)), "scale: expected rows in an array"),
        (lambda runner: runner.scale.run(np.array(3)), r"rows: .* dimension 0, got shape \(\)"),
        (
            lambda runner: runner.add.run(np.ones((1, 2)), right=np.ones((1, 3))),
            "right: expected 2 rows, as left has, got 3",
        ),
    ],
)
def test_arguments_without_common_rows_are_refused(
    bench: Bench, call: Callable[[lw.Runner], Any], problem: str
) -> None:
    with pytest.raises(lw.InvalidInput, match=problem):
        call(bench.runner)


def test_arguments_that_the_method_does_not_take_are_refused(bench: Bench) -> None:
    with pytest.raises(TypeError, match="timeout"):
        bench.runner.scale.run(np.ones(1), timeout=3)


def test_calls_within_a_time_are_given_up_after_it(bench: Bench) -> None:
    held = bench.hold()
    with pytest.raises(DeadlineExceeded):
        bench.runner.wait.within(IMPATIENCE).run(1)
    with pytest.raises(DeadlineExceeded):
        asyncio.run(bench.runner.wait.within(IMPATIENCE).async_run(2))
    bench.rules.opened.set()
    held.result(PATIENCE)
    assert bench.runner.wait.within(PATIENCE).run(3) == 3
    assert bench.rules.calls == [3]
    assert bench.runner.statistics.read().items[Fate.EXPIRED] == 2


def test_where_too_many_rows_wait_another_call_waits_its_turn(make: Callable[..., Bench]) -> None:
    bench = make(max_queue=3)
    scale = bench.runner.scale.async_run
    fits, waited = bench.together(lambda: scale(np.ones(3)), lambda: scale(np.ones(1)))
    assert (fits.tolist(), waited.tolist()) == ([2, 2, 2], [2])


def test_a_closed_runner_answers_no_more(bench: Bench) -> None:
    held = bench.hold()
    waiting = bench.ask("scale", np.ones(1))
    while not bench.runner.statistics.read().waiting:
        time.sleep(0)
    bench.runner.close(wait=False)
    bench.rules.opened.set()
    with pytest.raises(RunnerClosed):
        waiting.result(PATIENCE)
    with pytest.raises(RunnerClosed):
        bench.runner.scale.run(np.ones(1))
    held.result(PATIENCE)


def test_what_cannot_be_made_says_so_when_it_is_loaded() -> None:
    class Broken(Rules):
        def __init__(self) -> None:
            raise Guilty("no licence")

    with pytest.raises(lw.UnloadableModel, match=r"broken cannot be made: Guilty\('no licence'\)"):
        lw.Runner(Broken).load()


class Taken(lw.Runnable):
    """Has a method that a runner has too."""

    @lw.Runnable.method()
    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("make_runner", "problem"),
    [
        (lambda: lw.Runner(lw.Runnable), "with methods marked by"),
        (lambda: lw.Runner(dict), "expected a class of learnwire_service.Runnable"),  # type: ignore[arg-type]
        (lambda: lw.Runner(Rules, {"facter": 1}), "facter"),
        (lambda: lw.Runner(Taken), "a runner has a close of its own"),
        (lambda: lw.Runnable.method()(3), "expected a plain method"),  # type: ignore[type-var]
        (lambda: lw.Runnable.method()(asyncio.sleep), "expected a plain method"),
    ],
)
def test_what_is_no_runnable_is_refused_at_once(
    make_runner: Callable[[], Any], problem: str
) -> None:
    with pytest.raises(TypeError, match=problem):
        make_runner()


def test_a_negative_batch_dim_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_dim: expected 0 or more, got -1"):
        lw.Runnable.method(batch_dim=-1)


def test_a_method_that_is_not_there_is_told(bench: Bench) -> None:
    with pytest.raises(AttributeError, match=r"rules has no method scall, only .*scale"):
        _ = bench.runner.scall
