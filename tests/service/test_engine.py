"""The engine with real threads and event loops."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Thread, get_ident
from typing import Any

import pytest
from learnwire_service.queue import engine
from learnwire_service.signature.answers import Outcomes

from .doubling import (
    BULK,
    FOREVER,
    PATIENCE,
    Bench,
    Doubling,
    DoublingApart,
    Make,
    numbers,
    result,
    run,
)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("plan", [Doubling, DoublingApart])
def test_threads_and_event_loops_all_get_their_own_answers(
    make: Make, plan: type[Doubling], quick: bool
) -> None:
    bench = make(plan(), quick=quick)
    together = Barrier(6)

    def in_a_thread(start: int) -> list[Any]:
        together.wait(PATIENCE)
        return [result(bench.ask(start + i))[0] for i in range(30)]

    def in_a_loop(start: int) -> list[Any]:
        async def one(number: int) -> Any:
            return numbers(await bench.ask_here(number))[0]

        async def main() -> list[Any]:
            return [await one(start)] + await asyncio.gather(
                *(one(start + i) for i in range(1, 30))
            )

        together.wait(PATIENCE)
        found: list[Any] = run(main())
        return found

    with ThreadPoolExecutor(6) as threads:
        asked = [
            threads.submit(ask, start)
            for ask, start in zip([in_a_thread, in_a_loop] * 3, range(0, 600, 100), strict=True)
        ]
        for start, answers in zip(range(0, 600, 100), asked, strict=True):
            assert answers.result(PATIENCE) == [2.0 * (start + i) for i in range(30)]
    seen = sorted(number for batch in bench.plan.batches for number in batch)
    assert seen == sorted(start + i for start in range(0, 600, 100) for i in range(30))


@pytest.mark.parametrize("quick", [False, True])
def test_a_lone_item_waits_for_nothing(
    make: Make, quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No time passes, so what waits for some would do so for ever.
    monkeypatch.setattr(engine, "clock", lambda: 7.0)
    bench = make(quick=quick)

    async def main() -> list[Any]:
        return numbers(await bench.ask_here(1))

    assert run(main()) == [2]
    waited = bench.statistics.read().queue_wait
    assert (waited.count, waited.sum) == (1, 0.0)


def test_a_quick_plan_predicts_in_the_event_loop_that_asks(make: Make) -> None:
    bench = make(quick=True)

    async def main() -> list[Any]:
        replies = [bench.ask_here(number) for number in (1, 2)]
        return [numbers(await reply) for reply in replies]

    assert run(main()) == [[2], [4]]
    assert bench.plan.batches == [[1, 2]]
    assert bench.plan.threads == [get_ident()]


@pytest.mark.parametrize(
    ("plan", "settings"),
    [(Doubling, {"quick": False}), (DoublingApart, {"quick": True})],
)
def test_other_plans_predict_in_a_thread(
    make: Make, plan: type[Doubling], settings: dict[str, Any]
) -> None:
    bench = make(plan(), **settings)

    async def main() -> list[Any]:
        return numbers(await bench.ask_here(1))

    assert run(main()) == [2]
    assert get_ident() not in bench.plan.threads


def test_a_quick_plan_too_answers_threads_in_a_thread(make: Make) -> None:
    bench = make(quick=True)
    assert result(bench.ask(1)) == [2]
    assert get_ident() not in bench.plan.threads


def test_bulk_work_is_never_predicted_in_the_event_loop(make: Make) -> None:
    bench = make(quick=True, max_batch_size=1)

    async def main() -> None:
        one = [bench.ask_here(number) for number in range(8)]
        many = [bench.ask_here(number, priority=BULK) for number in range(100, 104)]
        await asyncio.gather(*one, *many)

    run(main())
    here = {
        batch[0]
        for batch, thread in zip(bench.plan.batches, bench.plan.threads, strict=True)
        if thread == get_ident()
    }
    assert here <= set(range(8))
    assert len(bench.plan.batches) == 12


def test_items_are_encoded_apart_while_the_model_works(make: Make) -> None:
    bench = make(DoublingApart())
    bench.hold()
    bench.plan.encoding.clear()
    reply = bench.ask(1)
    assert bench.plan.encoding.wait(PATIENCE)
    bench.plan.opened.set()
    assert result(reply) == [2]


def test_a_call_that_blocks_an_event_loop_is_answered_though_a_batch_is_due_in_that_loop(
    make: Make,
) -> None:
    bench = make(quick=True)

    async def main() -> list[Any]:
        due_here = bench.ask_here(1)
        blocking = result(bench.ask(2))
        return blocking + numbers(await due_here)

    assert run(main()) == [4, 2]


def test_an_event_loop_may_wait_for_a_thread_whose_item_came_while_it_predicted(
    make: Make,
) -> None:
    bench = make(quick=True)
    of_thread: list[Future[Outcomes]] = []
    blocked: list[Any] = []

    def let_a_thread_ask() -> None:
        bench.plan.during = tuple
        thread = Thread(target=lambda: of_thread.append(bench.ask(2)))
        thread.start()
        thread.join(PATIENCE)

    async def main() -> None:
        bench.plan.during = let_a_thread_ask
        reply = bench.ask_here(1)
        reply.add_done_callback(lambda _: blocked.extend(result(of_thread[0])))
        await reply
        await asyncio.sleep(0)

    run(main())
    assert blocked == [4]


def abandoned(bench: Bench, number: int) -> None:
    """Let an event loop ask, and be closed before it comes to the batch that is due in it."""
    loop = asyncio.new_event_loop()

    def ask_and_stop() -> None:
        bench.ask_here(number)
        loop.stop()

    loop.call_soon(ask_and_stop)
    loop.run_forever()
    assert bench.plan.batches == []
    loop.close()


def test_a_closed_event_loop_in_which_a_batch_was_due_keeps_nobody_waiting(make: Make) -> None:
    bench = make(quick=True)
    abandoned(bench, 1)

    async def main() -> list[Any]:
        return numbers(await bench.ask_here(2))

    assert run(main()) == [4]
    assert bench.plan.batches == [[1, 2]]


def test_a_closed_event_loop_gives_its_places_back_to_those_who_ask(make: Make) -> None:
    bench = make(quick=True, max_queue=1)
    abandoned(bench, 1)
    request = bench.request(2)
    while not bench.engine.submit(request):
        bench.engine.room(request).result(PATIENCE)
    assert isinstance(request.reply, Future)
    assert result(request.reply) == [4]


def test_a_call_that_comes_too_late_in_an_event_loop_does_nothing(make: Make) -> None:
    bench = make(quick=True)
    bench.plan.opened.clear()

    async def main() -> list[Any]:
        here = [bench.ask_here(1)]
        taken_over = bench.ask(2)
        assert await asyncio.to_thread(bench.plan.entered.wait, PATIENCE)
        here.append(bench.ask_here(3))
        for _ in range(3):  # a batch in the loop would meet the one in the thread
            await asyncio.sleep(0)
        bench.plan.opened.set()
        return [numbers(await reply) for reply in (*here, asyncio.wrap_future(taken_over))]

    assert run(main()) == [[2], [6], [4]]


def test_one_thread_at_a_time_encodes(make: Make) -> None:
    bench = make()
    bench.plan.may_encode.clear()
    together = Barrier(5)

    def ask(number: int) -> "Future[Outcomes]":
        together.wait(PATIENCE)
        return bench.ask(number)

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask, number) for number in range(4)]
        together.wait(PATIENCE)
        assert bench.plan.encoding.wait(PATIENCE)
        bench.plan.may_encode.set()
        assert [result(one.result(PATIENCE)) for one in asked] == [[0], [2], [4], [6]]


def test_a_batch_goes_at_once_when_the_items_it_waited_for_have_come(make: Make) -> None:
    bench = make(max_delay=FOREVER, max_batch_size=2)
    first = bench.ask(1)
    bench.await_gathering()
    assert [result(reply) for reply in (first, bench.ask(2))] == [[2], [4]]


def test_so_does_a_batch_in_an_event_loop(make: Make) -> None:
    bench = make(quick=True, max_delay=FOREVER, max_batch_size=2)

    async def main() -> list[Any]:
        first = bench.ask_here(1)
        bench.await_gathering()
        second = bench.ask_here(2)
        return numbers(await first) + numbers(await second)

    assert run(main()) == [2, 4]
    assert bench.plan.threads == [get_ident()]


def test_a_thread_takes_over_a_batch_that_waits_in_an_event_loop(make: Make) -> None:
    bench = make(quick=True, max_delay=FOREVER, max_batch_size=2)

    async def main() -> list[Any]:
        first = bench.ask_here(1)
        second = await asyncio.to_thread(bench.ask, 2)
        return numbers(await first) + numbers(await asyncio.wrap_future(second))

    assert run(main()) == [2, 4]
