"""The engine with real threads and event loops."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Thread, get_ident
from typing import Any

import pytest
from learnwire_service.answers import Outcomes

from .doubling import (
    BULK,
    FOREVER,
    PATIENCE,
    Bench,
    Doubling,
    DoublingApart,
    Make,
    benches,
    numbers,
    result,
    run,
)


@pytest.fixture
def make() -> Iterator[Make]:
    with benches() as make:
        yield make


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
    """Let an event loop ask and be closed before the batch that is due in it."""
    loop = asyncio.new_event_loop()

    async def main() -> None:
        bench.ask_here(number)

    loop.run_until_complete(main())
    loop.close()


def test_a_closed_event_loop_in_which_a_batch_was_due_keeps_nobody_waiting(make: Make) -> None:
    bench = make(quick=True)
    abandoned(bench, 1)
    assert result(bench.ask(2)) == [4]
    abandoned(bench, 3)

    async def main() -> list[Any]:
        return numbers(await bench.ask_here(4))

    assert run(main()) == [8]


def test_a_closed_event_loop_gives_its_places_back_to_those_who_ask(make: Make) -> None:
    bench = make(quick=True, max_queue=1)
    abandoned(bench, 1)
    request = bench.request(2)
    while not bench.engine.submit(request):
        bench.engine.room(request).result(PATIENCE)
    assert isinstance(request.reply, Future)
    assert result(request.reply) == [4]


def test_a_batch_goes_at_once_when_the_items_it_waited_for_have_come(make: Make) -> None:
    bench = make(max_delay=FOREVER, max_batch_size=2)
    replies = [bench.ask(1), bench.ask(2)]
    assert [result(reply) for reply in replies] == [[2], [4]]


def test_so_does_a_batch_in_an_event_loop(make: Make) -> None:
    bench = make(quick=True, max_delay=FOREVER, max_batch_size=2)

    async def main() -> list[Any]:
        first = bench.ask_here(1)
        await asyncio.sleep(0)
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
