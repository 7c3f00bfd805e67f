"""A full queue: who is refused, who waits, and who comes in next."""

from concurrent.futures import Future

from learnwire_service.queue.statistics import Fate

from .doubling import (
    BULK,
    PATIENCE,
    Make,
    result,
)


def test_a_full_queue_refuses_at_once(make: Make) -> None:
    bench = make(max_queue=2)
    bench.hold()
    bench.ask(1)
    bench.ask(2)
    assert not bench.engine.submit(bench.request(3))
    assert bench.engine.waiting == 2


def test_places_are_given_in_the_order_in_which_they_were_waited_for(make: Make) -> None:
    bench = make(max_queue=4, max_batch_size=2)
    bench.hold()
    first = bench.ask(1, 2, 3, priority=BULK)
    large, small = bench.request(4, 5, 6, priority=BULK), bench.request(7, priority=BULK)
    assert not bench.engine.submit(large)
    for_large, for_small = bench.engine.room(large), bench.engine.room(small)
    # There is room for a small one, but the large one would never get any then.
    assert not bench.engine.submit(bench.request(8, priority=BULK))
    assert not for_large.done()
    assert not for_small.done()
    bench.plan.opened.set()
    result(first)
    for request, waiter in ((large, for_large), (small, for_small)):
        waiter.result(PATIENCE)
        assert bench.engine.submit(request)
        assert isinstance(request.reply, Future)
        result(request.reply)
    assert bench.plan.batches == [[0], [1, 2, 3], [4, 5, 6], [7]]


def test_who_no_longer_waits_for_room_is_passed_over(make: Make) -> None:
    bench = make(max_queue=1)
    bench.hold()
    place = bench.request(1, priority=BULK)
    assert bench.engine.submit(place)
    requests = [bench.request(number, priority=BULK) for number in (2, 3, 4)]
    waiters = [bench.engine.room(request) for request in requests]
    assert waiters[0].cancel()
    bench.engine.withdraw(requests[0], Fate.CANCELLED)
    bench.engine.withdraw(requests[1], Fate.CANCELLED)
    bench.engine.withdraw(place, Fate.CANCELLED)
    waiters[2].result(PATIENCE)
    assert bench.engine.submit(requests[2])
    assert bench.statistics.read().items[Fate.CANCELLED] == 1  # those that waited were never in


def test_a_place_that_came_too_late_is_given_back(make: Make) -> None:
    bench = make(max_queue=1)
    bench.hold()
    place, late, last = (bench.request(number, priority=BULK) for number in (1, 2, 3))
    assert bench.engine.submit(place)
    for_late, for_last = bench.engine.room(late), bench.engine.room(last)
    bench.engine.withdraw(place, Fate.CANCELLED)
    for_late.result(PATIENCE)
    bench.engine.withdraw(late, Fate.CANCELLED)
    for_last.result(PATIENCE)
    assert bench.engine.submit(last)


def test_interactive_requests_can_wait_for_room_too(make: Make) -> None:
    bench = make(max_queue=1)
    bench.hold()
    bench.ask(1)
    request = bench.request(2)
    waiter = bench.engine.room(request)
    assert not waiter.done()
    bench.plan.opened.set()
    waiter.result(PATIENCE)
    assert bench.engine.submit(request)
    assert isinstance(request.reply, Future)
    assert result(request.reply) == [4]


def test_a_long_job_does_not_keep_a_single_item_waiting(make: Make) -> None:
    bench = make(max_batch_size=10)
    bench.hold()
    job = [bench.ask(number, priority=BULK) for number in range(1, 101)]
    single = bench.ask(1000)
    bench.plan.opened.set()
    assert result(single) == [2000]
    for reply in job:
        result(reply)
    assert bench.plan.batches[1] == [1000]
    assert [number for batch in bench.plan.batches[2:] for number in batch] == list(range(1, 101))
