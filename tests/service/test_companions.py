"""Whom a batch waits for, in virtual time: those who come back, as long as they do."""

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as field_of

from hypothesis import given, settings
from hypothesis import strategies as st
from learnwire_service.queue.batching import Entry

from .queues import WINDOW, WINDOW_SHARE, Queue, batcher, queued, taken


@dataclass
class ClosedLoop:
    """A model whose callers ask again a moment after they were answered, in virtual time.

    Attributes:
        turnaround: how long an answered caller takes to ask again.
        compute: how long a batch of so many items takes.
        idle: how long the model did nothing though items waited.
        sizes: of all batches.
    """

    turnaround: float
    compute: Callable[[int], float]
    batcher: Queue = field_of(default_factory=batcher)
    now: float = 0.0
    idle: float = 0.0
    sizes: list[int] = field_of(default_factory=list)

    def run(self, callers: int, batches: int) -> None:
        """Let that many callers come, be answered for so many batches, and go."""
        self._coming = [self.now + self.turnaround * i / callers for i in range(callers)]
        end = len(self.sizes) + batches
        while len(self.sizes) < end:
            self._let_come()
            delay = self.batcher.delay(self.now)
            if delay is None:
                self.now = self._coming[0]
            elif delay > 0:
                later = min([self.now + delay, *self._coming[:1]])
                self.idle += later - self.now
                self.now = math.nextafter(later, math.inf)
            else:
                self._predict()
        self.batcher.clear()

    def _let_come(self) -> None:
        while self._coming and self._coming[0] <= self.now:
            queued(self.batcher, Entry(cost=1), heapq.heappop(self._coming))

    def _predict(self) -> None:
        batch = taken(self.batcher, self.now)
        seconds = self.compute(len(batch))
        self.now += seconds
        self._let_come()
        self.batcher.finished(batch, seconds, self.now)
        self.sizes.append(len(batch))
        for _ in batch:
            heapq.heappush(self._coming, self.now + self.turnaround)


turnarounds = st.floats(0.0001, 0.004)
computes = st.builds(
    lambda base, each: lambda count: base + count * each,
    st.floats(0.0002, 0.05),
    st.floats(0.0, 0.001),
)


@settings(max_examples=30)
@given(turnaround=st.floats(0.0001, 0.1), compute=computes)
def test_a_lone_caller_hardly_ever_waits(
    turnaround: float, compute: Callable[[int], float]
) -> None:
    loop = ClosedLoop(turnaround, compute)
    loop.run(callers=1, batches=4000)
    assert set(loop.sizes) == {1}
    # Once for each doubling of his batches, for as long as companions are waited for.
    assert loop.idle <= 16 * max(WINDOW, WINDOW_SHARE * compute(1))


@given(turnaround=turnarounds, compute=computes, callers=st.integers(2, 40))
def test_callers_who_come_back_together_are_answered_together(
    turnaround: float, compute: Callable[[int], float], callers: int
) -> None:
    loop = ClosedLoop(turnaround, compute)
    loop.run(callers, batches=50)
    assert loop.sizes[-20:] == [callers] * 20


@settings(max_examples=30)
@given(turnaround=turnarounds, compute=computes)
def test_no_time_is_lost_on_companions_who_all_came(
    turnaround: float, compute: Callable[[int], float]
) -> None:
    loop = ClosedLoop(turnaround, compute)
    loop.run(callers=16, batches=50)
    before, loop.idle = loop.idle, 0.0
    loop.run(callers=16, batches=1000)
    window = max(WINDOW, WINDOW_SHARE * compute(16))
    assert before + loop.idle <= 50 * turnaround + 24 * window


@settings(max_examples=30)
@given(turnaround=turnarounds, compute=computes)
def test_who_is_left_alone_soon_waits_for_nobody(
    turnaround: float, compute: Callable[[int], float]
) -> None:
    loop = ClosedLoop(turnaround, compute)
    loop.run(callers=16, batches=50)
    loop.idle = 0.0
    loop.run(callers=1, batches=4000)
    assert loop.idle <= 16 * max(WINDOW, WINDOW_SHARE * compute(16))


@settings(max_examples=30)
@given(turnaround=st.floats(0.0001, 0.05), base=st.floats(0.0125, 0.05))
def test_with_64_callers_the_mean_batch_is_above_8_whenever_they_come_back(
    turnaround: float, base: float
) -> None:
    loop = ClosedLoop(turnaround, lambda count: base + 0.001 * count)
    loop.run(callers=64, batches=500)
    assert sum(loop.sizes) / len(loop.sizes) > 8


def test_a_model_that_takes_one_item_at_a_time_waits_for_no_companions() -> None:
    loop = ClosedLoop(0.001, lambda count: 0.01, batcher(max_cost=1))
    loop.run(callers=16, batches=200)
    assert loop.idle == 0.0


def test_callers_who_never_come_back_in_time_are_not_waited_for() -> None:
    loop = ClosedLoop(0.03, lambda count: 0.01)
    loop.run(callers=16, batches=2000)
    assert loop.idle < 0.05 * loop.now
