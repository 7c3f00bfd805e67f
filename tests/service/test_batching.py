"""The batcher in virtual time: which items make the next batch, and when it is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from learnwire_service.queue.batching import Entry, State

from .queues import BULK, batcher, filled, queued, taken


def test_a_lone_item_is_due_at_once() -> None:
    queue = batcher()
    assert queue.delay(0.0) is None
    entry = queued(queue, Entry())
    assert queue.delay(0.0) == 0.0
    assert taken(queue) == [entry]
    assert queue.delay(0.0) is None


def test_what_gathers_while_a_batch_runs_makes_the_next_one() -> None:
    queue = batcher()
    first = filled(queue, 1)
    assert taken(queue) == first
    gathered = filled(queue, 5)
    queue.finished(first, 1.0, 1.0)
    assert taken(queue, 1.0) == gathered


def test_a_batch_is_due_when_its_first_item_has_waited_for_max_delay() -> None:
    queue = batcher(max_delay=2.0)
    queued(queue, Entry(), now=10.0)
    queued(queue, Entry(), now=11.5)
    assert queue.delay(11.5) == pytest.approx(0.5)
    assert queue.delay(12.5) == 0.0


@pytest.mark.parametrize("bounds", [{"max_batch_size": 3}, {"max_cost": 3}])
def test_a_batch_that_is_full_waits_no_longer(bounds: dict[str, int]) -> None:
    queue = batcher(max_delay=2.0, **bounds)
    filled(queue, 2)
    assert queue.delay(0.0) == 2.0
    filled(queue, 2)
    assert queue.delay(0.0) == 0.0
    assert len(taken(queue)) == 3


def test_bulk_work_does_not_wait_for_more() -> None:
    queue = batcher(max_delay=2.0)
    filled(queue, 1, BULK)
    assert queue.delay(0.0) == 0.0


def test_an_entry_beyond_the_bounds_goes_alone() -> None:
    queue = batcher(max_batch_size=4, max_cost=4)
    entries = [queued(queue, Entry(size=size, cost=size)) for size in (1, 9, 1)]
    assert [taken(queue) for _ in range(3)] == [[entry] for entry in entries]


def test_items_beyond_max_queue_are_refused_for_each_priority_by_itself() -> None:
    queue = batcher(max_queue=2)
    filled(queue, 2)
    assert not queue.admit(Entry(), 0.0)
    assert queue.admit(Entry(size=9, priority=BULK), 0.0)
    assert not queue.admit(Entry(priority=BULK), 0.0)
    assert len(queue) == 11


def test_an_expired_item_is_handed_back_and_not_taken() -> None:
    queue = batcher()
    late, good = queued(queue, Entry(deadline=1.0)), queued(queue, Entry(deadline=2.0))
    assert queue.take(1.0) == ([good], [late])
    assert len(queue) == 0


def test_items_expire_one_after_the_other() -> None:
    queue = batcher(max_batch_size=1)
    soon, later, last = (queued(queue, Entry(deadline=time)) for time in (1.0, 2.0, 3.0))
    assert queue.take(1.0) == ([later], [soon])
    assert queue.take(3.0) == ([], [last])


def test_a_withdrawn_item_gives_its_place_free() -> None:
    queue = batcher(max_queue=2)
    encoding, ready = Entry(), queued(queue, Entry())
    assert queue.admit(encoding, 0.0)
    assert queue.withdraw(ready)
    assert queue.withdraw(encoding)
    assert not queue.withdraw(encoding)
    assert not queue.ready(encoding, 0.0)
    assert queue.delay(0.0) is None
    assert len(queue) == 0


def test_clearing_gives_back_all_in_the_order_of_their_coming() -> None:
    queue = batcher()
    entries = [Entry(priority=BULK), Entry(), Entry(priority=BULK), Entry()]
    for entry in entries:
        assert queue.admit(entry, 0.0)
    queue.ready(entries[2], 0.0)
    assert queue.clear() == entries
    assert queue.clear() == []
    assert len(queue) == 0


def test_bulk_work_gets_a_turn_after_three_interactive_batches() -> None:
    queue = batcher(max_batch_size=1)
    filled(queue, 9, BULK)
    filled(queue, 9)
    served = "".join(taken(queue)[0].priority.name[0] for _ in range(18))
    assert served == "IIIBIIIBIIIBBBBBBB"


def test_bulk_work_that_has_waited_for_a_second_goes_with_the_next_batch() -> None:
    queue = batcher(max_cost=1600)
    old = [queued(queue, Entry(priority=BULK, cost=10), now=0.0) for _ in range(15)]
    young = queued(queue, Entry(priority=BULK, cost=10), now=0.5)
    single = queued(queue, Entry(cost=10), now=0.9)
    assert taken(queue, 0.9) == [single]
    single = queued(queue, Entry(cost=10), now=1.0)
    # As much as a batch of bulk work may have.
    assert taken(queue, 1.0) == [single, *old[:10]]
    queue.finished([single, *old[:10]], 0.1, 1.1)
    single = queued(queue, Entry(cost=10), now=1.1)
    assert taken(queue, 1.1) == [single, *old[10:]]
    assert taken(queue, 1.1) == [young]


def test_items_that_come_all_the_while_do_not_hold_up_bulk_work() -> None:
    queue = batcher(max_batch_size=8)
    items, batches = filled(queue, 64, BULK), 0
    queued(queue, Entry())
    while any(item.state is not State.TAKEN for item in items):
        batch = taken(queue, 0.4 * batches)
        if batch[0].priority is not BULK:
            queued(queue, Entry(), now=0.4 * batches)
        batches += 1
        queue.finished(batch, 0.4, 0.4 * batches)
    # Three of single items alone, one of bulk work; then seven or eight items go with each.
    assert batches <= 4 + 8


@pytest.mark.parametrize("bounds", [{"max_batch_size": 3}, {"max_cost": 3}])
def test_a_batch_without_room_takes_no_bulk_work_along(bounds: dict[str, int]) -> None:
    queue = batcher(**bounds)
    bulk = filled(queue, 2, BULK)
    singles = filled(queue, 2)
    assert taken(queue, 5.0) == [*singles, bulk[0]]
    full = [queued(queue, Entry(cost=1), now=5.0) for _ in range(3)]
    assert taken(queue, 5.0) == full


def test_bulk_work_of_another_kind_goes_with_no_batch() -> None:
    queue = batcher()
    other, same = (queued(queue, Entry(priority=BULK, kind=kind)) for kind in ("b", "a"))
    single = queued(queue, Entry(kind="a"))
    assert taken(queue, 5.0) == [single, same]
    assert taken(queue, 5.0) == [other]


def test_who_is_next_is_who_is_taken() -> None:
    queue = batcher(max_batch_size=1)
    filled(queue, 9, BULK)
    filled(queue, 9)
    for _ in range(18):
        foretold = queue.next
        assert taken(queue)[0].priority is foretold


@given(seconds_each=st.floats(1e-3, 0.05), limit=st.floats(0.1, 1.0))
def test_bulk_batches_grow_or_shrink_until_they_take_as_long_as_they_may(
    seconds_each: float, limit: float
) -> None:
    queue = batcher(max_cost=1024, max_bulk_seconds=limit)
    took = []
    for _ in range(30):
        filled(queue, 1024 - len(queue), BULK)
        batch = taken(queue)
        took.append(len(batch) * seconds_each)
        queue.finished(batch, took[-1], 0.0)
    for seconds in took[-10:]:
        assert limit / 4 <= seconds <= limit


def test_one_huge_bulk_entry_does_not_shrink_the_batches_of_small_ones() -> None:
    queue = batcher(max_cost=1600)
    for _ in range(9):
        huge = queued(queue, Entry(priority=BULK, cost=10**6))
        assert taken(queue) == [huge]
        queue.finished([huge], 1.0, 0.0)
    filled(queue, 200, BULK)
    assert len(taken(queue)) == 100


def test_entries_of_different_kinds_do_not_share_a_batch() -> None:
    queue = batcher(max_batch_size=3)
    kinds = ["a", "b", "a", "b", "a", "a"]
    entries = [queued(queue, Entry(kind=kind)) for kind in kinds]
    assert taken(queue) == [entries[0], entries[2], entries[4]]
    assert taken(queue) == [entries[1], entries[3]]
    assert taken(queue) == [entries[5]]
