"""What cannot be answered soon enough is refused at once; by a clock of the test's own."""

import math

import pytest
from learnwire_service.common.grpc_experiments import bound_pending_calls
from learnwire_service.common.limits import Limits
from learnwire_service.queue.batching import Batcher, Entry, Priority
from learnwire_service.queue.waiting import Waiting


def slow(max_wait: float = 1.0) -> Batcher[Entry]:
    """A batcher whose model has taken 0.1 s for each of two items, and has nothing to do."""
    batcher: Batcher[Entry] = Batcher(Limits(max_batch_size=2, max_wait=max_wait), 1000)
    for _ in range(2):
        assert come(batcher, 0.0)
    batch, _ = batcher.take(0.0)
    batcher.finished(batch, 0.2, 0.2)
    return batcher


def come(batcher: Batcher[Entry], now: float, priority: Priority = Priority.INTERACTIVE) -> bool:
    """Let an item come, and tell whether it was admitted."""
    entry = Entry(priority=priority, cost=1)
    return batcher.admit(entry, now) and batcher.ready(entry, now)


def test_items_are_admitted_as_long_as_they_are_answered_within_the_wait() -> None:
    batcher = slow()
    assert [come(batcher, 1.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert batcher.wait(1.0) == pytest.approx(1.1)


def test_what_is_under_way_counts_until_it_should_be_over() -> None:
    batcher = slow()
    for _ in range(4):
        come(batcher, 1.0)
    batcher.take(1.0)  # two of them, 0.2 s
    assert batcher.wait(1.0) == pytest.approx(0.2 + 0.3)
    assert batcher.wait(1.15) == pytest.approx(0.05 + 0.3)
    assert batcher.wait(9.0) == pytest.approx(0.3)


def test_an_item_that_finds_nobody_is_admitted_however_slow_the_model_is() -> None:
    batcher = slow(max_wait=0.01)
    assert come(batcher, 1.0)
    assert not come(batcher, 1.0)
    batch, _ = batcher.take(1.0)
    batcher.finished(batch, 0.1, 1.1)
    assert come(batcher, 1.1)


def test_bulk_work_waits_for_as_long_as_it_takes() -> None:
    batcher = slow(max_wait=0.01)
    assert all(come(batcher, 1.0, Priority.BULK) for _ in range(100))


def test_without_a_bound_all_wait() -> None:
    batcher = slow(max_wait=math.inf)
    assert all(come(batcher, 1.0) for _ in range(100))


def test_what_lies_between_batches_counts_while_items_wait() -> None:
    waiting = Waiting()
    waiting.begin(2, 0.0)
    waiting.end(0.2, more=5)
    # The batch itself took no time, but it came late: something else holds the items up.
    for number in range(1, 40):
        waiting.begin(2, number * 1.0)
        waiting.end(number * 1.0, more=5)
    assert waiting.seconds(4, 39.0) == pytest.approx(2.0, rel=0.01)


def test_idle_time_is_nobodys() -> None:
    waiting = Waiting()
    for start in (0.0, 100.0, 200.0):
        waiting.begin(1, start)
        waiting.end(start + 0.1, more=0)
    assert waiting.seconds(3, 300.0) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "optimization_04"),
        ({"GRPC_EXPERIMENTS": "one"}, "one,optimization_04"),
        ({"GRPC_EXPERIMENTS": "-optimization_04"}, "-optimization_04"),
    ],
)
def test_the_experiment_that_bounds_pending_calls_is_on(before: dict[str, str], after: str) -> None:
    bound_pending_calls(before)
    assert before["GRPC_EXPERIMENTS"] == after
