"""What an engine answers where it does not predict: given up, expired, closed."""

import asyncio
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import Any

import pytest
from learnwire_service.common.errors import DeadlineExceeded, RunnerClosed
from learnwire_service.queue.engine import clock
from learnwire_service.queue.statistics import Fate

from .doubling import (
    BULK,
    FOREVER,
    PATIENCE,
    Bench,
    DoublingApart,
    Make,
    numbers,
    result,
    run,
)


def test_a_request_given_up_before_its_batch_never_reaches_the_model(make: Make) -> None:
    bench = make()
    bench.hold()
    first, second = bench.request(1), bench.request(2)
    assert bench.engine.submit(first)
    assert bench.engine.submit(second)
    bench.engine.withdraw(first, Fate.CANCELLED)
    bench.plan.opened.set()
    assert isinstance(second.reply, Future)
    assert result(second.reply) == [4]
    assert bench.plan.batches == [[0], [2]]
    assert not first.reply.done()
    assert bench.statistics.read().items[Fate.CANCELLED] == 1


def test_a_request_given_up_in_its_batch_leaves_the_others_alone_and_is_counted(
    make: Make,
) -> None:
    bench = make()
    bench.plan.opened.clear()
    request = bench.request(1, 2)
    assert bench.engine.submit(request)
    assert bench.plan.entered.wait(PATIENCE)
    bench.engine.withdraw(request, Fate.CANCELLED)
    bench.plan.opened.set()
    assert result(bench.ask(3)) == [6]
    assert bench.statistics.read().items[Fate.CANCELLED] == 2


def test_a_request_given_up_before_it_is_encoded_never_is(make: Make) -> None:
    bench = make(DoublingApart())
    bench.plan.may_encode.clear()
    first, second = bench.ask(1), bench.request(2)
    assert bench.engine.submit(second)
    bench.engine.withdraw(second, Fate.CANCELLED)
    bench.plan.may_encode.set()
    assert result(first) == [2]
    assert result(bench.ask(3)) == [6]
    assert bench.plan.encoded == [1, 3]


def test_a_cancelled_reply_spoils_nothing(make: Make) -> None:
    bench = make()
    bench.hold()
    first, second = bench.ask(1), bench.ask(2)
    assert first.cancel()
    bench.plan.opened.set()
    assert result(second) == [4]


@pytest.mark.parametrize("quick", [False, True])
def test_an_expired_item_is_answered_so_and_never_reaches_the_model(
    make: Make, quick: bool
) -> None:
    bench = make(quick=quick)

    async def main() -> list[Any]:
        late, good = bench.ask_here(1, 2, deadline=clock()), bench.ask_here(3)
        return numbers(await late) + numbers(await good)

    first, second, answer = run(main())
    assert isinstance(first, DeadlineExceeded)
    assert isinstance(second, DeadlineExceeded)
    assert answer == 6
    assert [number for batch in bench.plan.batches for number in batch] == [3]
    assert bench.statistics.read().items[Fate.EXPIRED] == 2


def closing(bench: Bench) -> Thread:
    """Begin to close in another thread, and come back when nothing is accepted any more."""
    thread = Thread(target=partial(bench.engine.close, wait=True))
    thread.start()
    while True:
        try:
            if bench.engine.submit(request := bench.request(99)):
                bench.engine.withdraw(request, Fate.CANCELLED)
        except RunnerClosed:
            return thread


def test_closing_answers_what_runs_and_fails_what_waits(make: Make) -> None:
    bench = make()
    running = bench.hold()
    waiting = bench.ask(1, 2)
    thread = closing(bench)
    assert all(isinstance(outcome, RunnerClosed) for outcome in waiting.result(PATIENCE))
    bench.plan.opened.set()
    assert result(running) == [0]
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert bench.plan.batches == [[0]]


def test_closing_fails_what_is_being_encoded(make: Make) -> None:
    bench = make(DoublingApart())
    bench.plan.may_encode.clear()
    encoding, queued = bench.ask(1), bench.ask(2)
    assert bench.plan.encoding.wait(PATIENCE)
    bench.engine.close(wait=False)
    for reply in (encoding, queued):
        assert isinstance(result(reply)[0], RunnerClosed)
    bench.plan.may_encode.set()
    bench.engine.close(wait=True)
    assert bench.plan.batches == []


def test_closing_lets_those_go_who_wait_for_room(make: Make) -> None:
    bench = make(max_queue=1)
    bench.hold()
    bench.ask(1, priority=BULK)
    request = bench.request(2, priority=BULK)
    assert not bench.engine.submit(request)
    waiter = bench.engine.room(request)
    bench.engine.close(wait=False)
    waiter.result(PATIENCE)
    with pytest.raises(RunnerClosed):
        bench.engine.submit(request)
    assert bench.engine.room(bench.request(3)).done()


@pytest.mark.parametrize("quick", [False, True])
def test_closing_does_not_wait_for_the_delay_of_a_batch(make: Make, quick: bool) -> None:
    bench = make(quick=quick, max_delay=FOREVER)

    async def main() -> list[Any]:
        reply = bench.ask_here(1)
        await asyncio.to_thread(bench.engine.close, wait=True)
        return numbers(await reply)

    [error] = run(main())
    assert isinstance(error, RunnerClosed)


def test_an_engine_may_be_closed_twice(make: Make) -> None:
    bench = make()
    for _ in range(2):
        bench.engine.close(wait=True)
