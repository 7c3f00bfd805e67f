"""Short words for what is done to a batcher."""

from learnwire_service.common.limits import Limits
from learnwire_service.queue.batching import Batcher, Entry, Priority

INTERACTIVE, BULK = Priority.INTERACTIVE, Priority.BULK
WINDOW, WINDOW_SHARE = 0.005, 0.05  # how long companions are waited for

Queue = Batcher[Entry]


def batcher(*, max_cost: int = 1000, **limits: float) -> Queue:
    return Batcher(Limits(**limits), max_cost)  # type: ignore[arg-type]  # some are int


def queued(queue: Queue, entry: Entry, now: float = 0.0) -> Entry:
    """Put an entry into the queue, ready at once."""
    assert queue.admit(entry, now)
    assert queue.ready(entry, now)
    return entry


def filled(
    queue: Queue, count: int, priority: Priority = INTERACTIVE, cost: int = 1
) -> list[Entry]:
    return [queued(queue, Entry(priority=priority, cost=cost)) for _ in range(count)]


def taken(queue: Queue, now: float = 0.0) -> list[Entry]:
    batch, late = queue.take(now)
    assert late == []
    return batch
