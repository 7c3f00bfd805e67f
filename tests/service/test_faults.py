"""One item may make the model fail on a batch, but it alone fails."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from learnwire_service.queue.request import Request
from learnwire_service.signature.answers import Outcome, Outcomes

from .doubling import (
    Doubling,
    DoublingApart,
    Guilty,
    Make,
    result,
)


def test_what_waits_while_a_batch_runs_is_predicted_together(make: Make) -> None:
    bench = make()
    first = bench.hold()
    others = [bench.ask(number) for number in (1, 2, 3)]
    bench.plan.opened.set()
    assert [result(reply) for reply in (first, *others)] == [[0], [2], [4], [6]]
    assert bench.plan.batches == [[0], [1, 2, 3]]


def test_each_request_gets_as_many_outcomes_as_it_has_items(make: Make) -> None:
    bench = make()
    bench.hold()
    replies = [bench.ask(1, 2, 3), bench.ask(4), bench.ask(5, 6)]
    bench.plan.opened.set()
    assert [result(reply) for reply in replies] == [[2, 4, 6], [8], [10, 12]]
    assert bench.plan.batches == [[0], [1, 2, 3, 4, 5, 6]]


def test_the_item_that_makes_the_model_raise_fails_alone(make: Make) -> None:
    bench = make()
    bench.plan.guilty = {2}
    bench.hold()
    good, bad, fine = bench.ask(1), bench.ask(2), bench.ask(3)
    bench.plan.opened.set()
    assert result(good) == [2]
    assert result(fine) == [6]
    [error] = result(bad)
    assert isinstance(error, Guilty)


def test_within_a_request_of_many_too_the_guilty_item_fails_alone(make: Make) -> None:
    bench = make()
    bench.plan.guilty = {2}
    first, bad, second, last = result(bench.ask(1, 2, 3, 4))
    assert (first, second, last) == (2, 6, 8)
    assert isinstance(bad, Guilty)


def test_a_lone_guilty_item_is_not_asked_again(make: Make) -> None:
    bench = make()
    bench.plan.guilty = {1}
    result(bench.ask(1))
    assert bench.plan.batches == [[1]]


def test_only_the_request_that_fails_is_taken_apart(make: Make) -> None:
    bench = make()
    bench.plan.guilty = {4}
    bench.hold()
    replies = [bench.ask(1, 2, 3), bench.ask(4, 5)]
    bench.plan.opened.set()
    for reply in replies:
        result(reply)
    assert bench.plan.batches == [[0], [1, 2, 3, 4, 5], [1, 2, 3], [4, 5], [4], [5]]


@pytest.mark.parametrize("fault", [SystemExit(1), KeyboardInterrupt(), BaseException("a panic")])
def test_whatever_the_model_raises_is_an_items_outcome(make: Make, fault: BaseException) -> None:
    bench = make()
    bench.plan.guilty, bench.plan.fault = {1}, fault
    [error] = result(bench.ask(1))
    assert isinstance(error, RuntimeError)
    assert repr(fault) in str(error)
    assert result(bench.ask(2)) == [4]


class OneTooFew(Doubling):
    def answers(self, numbers: list[int]) -> Sequence[Outcome]:
        return super().answers(numbers[1:] if len(numbers) > 1 else numbers)


class OneTooMany(Doubling):
    def answers(self, numbers: list[int]) -> Sequence[Outcome]:
        return super().answers([*numbers, 99])


class NoAnswers(Doubling):
    def answers(self, numbers: list[int]) -> Sequence[Outcome]:
        return None  # type: ignore[return-value]  # that is its fault


def test_items_are_asked_one_by_one_where_a_batch_had_fewer_answers(make: Make) -> None:
    bench = make(OneTooFew())
    bench.hold()
    replies = [bench.ask(1), bench.ask(2), bench.ask(3, 4)]
    bench.plan.opened.set()
    assert [result(reply) for reply in replies] == [[2], [4], [6, 8]]


@pytest.mark.parametrize("plan", [OneTooMany, NoAnswers])
def test_answers_that_are_not_as_many_as_the_items_are_answers_to_none(
    make: Make, plan: type[Doubling]
) -> None:
    bench = make(plan())
    outcomes = result(bench.ask(1)) + result(bench.ask(2, 3))
    assert len(outcomes) == 3
    assert all(isinstance(outcome, Exception) for outcome in outcomes)


class Indivisible(Doubling):
    def parts(self, encoded: Any) -> Sequence[Any]:
        return [encoded]


class Unparted(Doubling):
    def parts(self, encoded: Any) -> Sequence[Any]:
        raise Guilty


@pytest.mark.parametrize("plan", [Indivisible, Unparted])
def test_all_items_of_a_request_fail_that_cannot_be_taken_apart(
    make: Make, plan: type[Doubling]
) -> None:
    bench = make(plan())
    bench.plan.guilty = {1}
    outcomes = result(bench.ask(1, 2))
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [True, True]


@pytest.mark.parametrize("plan", [Doubling, DoublingApart])
@pytest.mark.parametrize("fault", [Guilty("of encoding"), BaseException("a panic")])
def test_an_item_that_cannot_be_encoded_fails_alone_and_leaves_its_place(
    make: Make, plan: type[Doubling], fault: BaseException
) -> None:
    bench = make(plan(), max_queue=1)

    def fail() -> Any:
        raise fault

    reply: Future[Outcomes] = Future()
    assert bench.engine.submit(Request(encode=fail, reply=reply))
    [error] = result(reply)
    assert isinstance(error, Exception)
    assert str(fault) in str(error)
    assert bench.engine.waiting == 0
    assert result(bench.ask(2)) == [4]
