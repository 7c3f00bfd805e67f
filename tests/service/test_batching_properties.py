"""The batcher in virtual time, beside a slow and simple account of it."""

import math
from collections.abc import Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from learnwire_service.common.limits import Limits
from learnwire_service.queue.batching import PATIENCE, Batcher, Entry, Priority, State

from .queues import BULK, INTERACTIVE, WINDOW, WINDOW_SHARE, Queue


class TheBatcher(RuleBasedStateMachine):
    """Any interleaving of what an engine does, beside a slow and simple account of it."""

    @initialize(
        max_batch_size=st.integers(1, 6),
        max_queue=st.integers(1, 12),
        max_delay=st.sampled_from([0.0, 0.0, 1.0]),
        max_cost=st.integers(1, 30),
    )
    def begin(self, max_batch_size: int, max_queue: int, max_delay: float, max_cost: int) -> None:
        self.limits = Limits(max_batch_size, max_queue, max_delay)
        self.batcher: Queue = Batcher(self.limits, max_cost)
        self.now = 0.0
        self.encoding: list[Entry] = []
        self.ready: dict[Priority, list[Entry]] = {INTERACTIVE: [], BULK: []}
        self.running: list[Entry] = []
        self.admitted: list[Entry] = []
        self.ended: list[Entry] = []
        self.kept_waiting = 0  # the interactive batches since bulk work has been waiting
        self.last = INTERACTIVE
        self.window_end = -math.inf

    def held(self, priority: Priority) -> list[Entry]:
        encoding = [entry for entry in self.encoding if entry.priority is priority]
        return encoding + self.ready[priority]

    def end(self, entries: Iterable[Entry], state: State) -> None:
        for entry in list(entries):
            assert entry.state is state
            self.ended.append(entry)
            mine = self.encoding if entry in self.encoding else self.ready[entry.priority]
            mine.remove(entry)

    @rule(
        size=st.integers(1, 4) | st.integers(1, 20),
        cost=st.integers(0, 8) | st.integers(0, 60),
        priority=st.sampled_from(Priority),
        patience=st.just(math.inf) | st.floats(0.0, 3.0),
        at_once=st.booleans(),
    )
    def admit(
        self, size: int, cost: int, priority: Priority, patience: float, at_once: bool
    ) -> None:
        entry = Entry(size=size, cost=cost, priority=priority, deadline=self.now + patience)
        held = sum(one.size for one in self.held(priority))
        fits = held == 0 or held + size <= self.limits.max_queue
        assert self.batcher.has_room(size, priority) == fits
        assert self.batcher.admit(entry, self.now) == fits
        if not fits:
            return
        assert entry.admitted_at == self.now
        self.admitted.append(entry)
        self.encoding.append(entry)
        if at_once:
            self.make_ready(entry)

    def make_ready(self, entry: Entry) -> None:
        assert self.batcher.ready(entry, self.now)
        self.encoding.remove(entry)
        self.ready[entry.priority].append(entry)

    @precondition(lambda self: self.encoding)
    @rule(data=st.data())
    def encoded(self, data: st.DataObject) -> None:
        self.make_ready(data.draw(st.sampled_from(self.encoding)))

    @precondition(lambda self: self.encoding or any(self.ready.values()))
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        entry = data.draw(
            st.sampled_from([*self.encoding, *self.ready[INTERACTIVE], *self.ready[BULK]])
        )
        assert self.batcher.withdraw(entry)
        self.end([entry], State.GONE)

    @precondition(lambda self: self.ended)
    @rule(data=st.data())
    def disturb_what_has_ended(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(self.ended))
        assert not self.batcher.withdraw(entry)
        assert not self.batcher.ready(entry, self.now)

    @precondition(lambda self: not self.running)
    @rule()
    def take(self) -> None:
        batch, late = self.batcher.take(self.now)
        all_ready = [*self.ready[INTERACTIVE], *self.ready[BULK]]
        assert late == [entry for entry in all_ready if entry.deadline <= self.now]
        self.end(late, State.GONE)
        if not batch:
            assert not any(self.ready.values())
            return
        self.check_turn(batch[0].priority)
        self.check_bounds(batch)
        self.end(batch, State.TAKEN)
        self.running = batch

    def check_turn(self, priority: Priority) -> None:
        if self.last is BULK and self.ready[INTERACTIVE]:
            assert priority is INTERACTIVE
        waits = bool(self.ready[BULK]) and priority is INTERACTIVE
        self.kept_waiting = self.kept_waiting + 1 if waits else 0
        assert self.kept_waiting <= 3
        self.last = priority

    def check_bounds(self, batch: list[Entry]) -> None:
        queue = self.ready[batch[0].priority]
        own = [entry for entry in batch if entry.priority is batch[0].priority]
        aged = batch[len(own) :]
        assert own == queue[: len(own)]
        if len(batch) > 1:
            assert self.fits(batch)
        if own[0].priority is INTERACTIVE and len(queue) > len(own):
            assert not self.fits(queue[: len(own) + 1])
        if own[0].priority is INTERACTIVE:
            self.check_aged(own, aged)

    def check_aged(self, own: list[Entry], aged: list[Entry]) -> None:
        bulk = self.ready[BULK]
        assert aged == bulk[: len(aged)]
        assert all(self.now - entry.ready_at >= PATIENCE for entry in aged)
        if not aged and bulk and self.now - bulk[0].ready_at >= PATIENCE:
            assert not self.fits([*own, bulk[0]])

    def fits(self, entries: list[Entry]) -> bool:
        items, cost = sum(one.size for one in entries), sum(one.cost for one in entries)
        return items <= self.limits.max_batch_size and cost <= self.batcher.max_cost

    @precondition(lambda self: self.running)
    @rule(seconds=st.floats(0.0, 1.0))
    def finish(self, seconds: float) -> None:
        self.now += seconds
        self.batcher.finished(self.running, seconds, self.now)
        if self.running[0].priority is INTERACTIVE:
            self.window_end = self.now + max(WINDOW, WINDOW_SHARE * seconds)
        self.running = []

    @rule(seconds=st.sampled_from([0.0001, 0.002, 0.5, 5.0]))
    def advance(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def clear(self) -> None:
        gone = self.batcher.clear()
        assert set(gone) == {*self.encoding, *self.ready[INTERACTIVE], *self.ready[BULK]}
        assert len(gone) == len(set(gone))
        self.end(gone, State.GONE)

    @invariant()
    def no_more_wait_than_may(self) -> None:
        for priority in Priority:
            held = self.held(priority)
            assert sum(one.size for one in held) <= self.limits.max_queue or len(held) == 1

    @invariant()
    def it_counts_the_items_that_wait(self) -> None:
        held = [*self.held(INTERACTIVE), *self.held(BULK)]
        assert len(self.batcher) == sum(one.size for one in held)

    @invariant()
    def the_next_batch_is_due_in_bounded_time_where_something_is_ready(self) -> None:
        delay = self.batcher.delay(self.now)
        assert (delay is None) == (not any(self.ready.values()))
        if delay is not None:
            longest = max(self.limits.max_delay, self.window_end - self.now)
            assert 0.0 <= delay <= longest + 1e-9
            if not self.ready[INTERACTIVE]:
                assert delay == 0.0

    @invariant()
    def each_entry_ends_once(self) -> None:
        assert len(self.ended) == len(set(self.ended))
        assert set(self.admitted) == {*self.ended, *self.held(INTERACTIVE), *self.held(BULK)}

    def teardown(self) -> None:
        if hasattr(self, "batcher"):
            self.clear()
            assert set(self.ended) == set(self.admitted)


TheBatcher.TestCase.settings = settings(max_examples=200, stateful_step_count=60)
TestTheBatcher = TheBatcher.TestCase
