"""The batcher: which waiting items make the next batch. No threads, no clock of its own."""

import math
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import Any, Generic, TypeVar

from ..common.limits import Limits
from .companions import Companions
from .waiting import Waiting

# After so many batches of others the bulk work that waits gets a turn.
_TURNS = 3
# What of it has waited for so many seconds goes with the next batch, as far as that has room.
PATIENCE = 1.0


class Priority(IntEnum):
    """Who is served first."""

    INTERACTIVE = 0
    BULK = 1


class State(Enum):
    """Where an entry stands."""

    NEW = auto()
    ADMITTED = auto()
    READY = auto()
    TAKEN = auto()
    GONE = auto()


@dataclass(eq=False)
class Entry:
    """One or several items of one caller, which are answered together.

    Attributes:
        size: how many items.
        deadline: when they are no longer wanted, on the batcher's clock.
        kind: entries of different kinds do not share a batch.
        work: the items, encoded.
        cost: what they cost, as the plan counts.
    """

    size: int = 1
    priority: Priority = Priority.INTERACTIVE
    deadline: float = math.inf
    kind: Hashable = None
    work: Any = None
    cost: int = 0
    ready_at: float = 0.0
    admitted_at: float = 0.0
    state: State = State.NEW


E = TypeVar("E", bound=Entry)


class _Queue(OrderedDict[E, None]):
    """The entries of one priority that are ready, in the order in which they became so.

    Attributes:
        size: how many items they are.
        cost: what they cost together.
    """

    def __init__(self) -> None:
        super().__init__()
        self.size = self.cost = 0

    def add(self, entry: E) -> None:
        self[entry] = None
        self.size += entry.size
        self.cost += entry.cost

    def remove(self, entry: E) -> None:
        del self[entry]
        self.size -= entry.size
        self.cost -= entry.cost


class Batcher(Generic[E]):
    """A bounded queue of two priorities, taken from batch by batch.

    An entry is admitted, made ready once it is encoded, taken or withdrawn. Times are
    seconds on any clock that does not run backwards. One thread at a time may call it.

    Attributes:
        limits: the bounds.
        max_cost: the most that the items of a batch cost together; an entry that costs
            more goes alone.
    """

    def __init__(self, limits: Limits, max_cost: int) -> None:
        self.limits = limits
        self.max_cost = max_cost
        self._held = dict.fromkeys(Priority, 0)
        self._entries: dict[E, None] = {}
        self._ready: dict[Priority, _Queue[E]] = {p: _Queue() for p in Priority}
        # No deadline of an entry that is ready is sooner.
        self._soonest = math.inf
        self._turns = 0
        self._companions = Companions()
        self._waiting = Waiting()
        self._bulk_cost = max(1, max_cost // 16)

    def __len__(self) -> int:
        """Count the items that wait or are being encoded."""
        return sum(self._held.values())

    @property
    def next(self) -> Priority:
        """Whose turn is next."""
        interactive, bulk = self._ready.values()
        if bulk and (not interactive or self._turns >= _TURNS):
            return Priority.BULK
        return Priority.INTERACTIVE

    def has_room(self, size: int, priority: Priority) -> bool:
        """Tell whether that many more items may be admitted; some always may where none wait."""
        held = self._held[priority]
        return held == 0 or held + size <= self.limits.max_queue

    def wait(self, now: float) -> float:
        """Tell how many seconds an interactive item that comes now will wait for its answer."""
        held = self._held[Priority.INTERACTIVE]
        return self._waiting.seconds(held + 1, now) if held else 0.0

    def admit(self, entry: E, now: float) -> bool:
        """Give an entry a place; False where there is none, or one for too long."""
        if not self.has_room(entry.size, entry.priority):
            return False
        if entry.priority is Priority.INTERACTIVE and self.wait(now) > self.limits.max_wait:
            return False
        self._held[entry.priority] += entry.size
        self._entries[entry] = None
        entry.state, entry.admitted_at = State.ADMITTED, now
        return True

    def ready(self, entry: E, now: float) -> bool:
        """Queue an entry that has been encoded; False where it was withdrawn meanwhile."""
        if entry.state is not State.ADMITTED:
            return False
        entry.state, entry.ready_at = State.READY, now
        self._ready[entry.priority].add(entry)
        self._soonest = min(self._soonest, entry.deadline)
        return True

    def withdraw(self, entry: E) -> bool:
        """Take an entry out of the queue; False where it is not in there."""
        if entry.state not in (State.ADMITTED, State.READY):
            return False
        self._leave(entry, State.GONE)
        return True

    def clear(self) -> list[E]:
        """Withdraw all entries, and give them."""
        return [entry for entry in list(self._entries) if self.withdraw(entry)]

    def delay(self, now: float) -> float | None:
        """Tell how many seconds from now the next batch is due; None where nothing is ready."""
        priority = self.next
        queue = self._ready[priority]
        if not queue:
            return None
        if priority is Priority.BULK or self._is_full(queue):
            return 0.0
        until = next(iter(queue)).ready_at + self.limits.max_delay
        if queue.size < self._companions.expected:
            until = max(until, self._companions.until)
        return max(0.0, until - now)

    def take(self, now: float) -> tuple[list[E], list[E]]:
        """Take the next batch: the first entries of one priority and kind that fit.

        Behind interactive ones go those of the bulk work that have waited long.

        Returns: the batch, and the entries whose deadline had passed, which have gone.
        """
        late = self._expire(now) if self._soonest <= now else []
        priority = self.next
        queue = self._ready[priority]
        if priority is Priority.BULK:
            self._turns = 0
            return self._fitting(queue, self._bulk_cost), late
        self._turns = self._turns + 1 if self._ready[Priority.BULK] else 0
        if queue:
            self._companions.came(math.inf if self._is_full(queue) else queue.size)
        batch = self._fitting(queue, self.max_cost)
        batch += self._aged(batch, now)
        self._waiting.begin(sum(entry.size for entry in batch), now)
        return batch, late

    def finished(self, batch: Sequence[E], seconds: float, now: float) -> None:
        """Learn from a batch that has been answered, and that took so long."""
        if not batch:
            return
        if batch[0].priority is Priority.BULK:
            self._learn_bulk_cost(sum(entry.cost for entry in batch), seconds)
        else:
            answered = sum(one.size for one in batch if one.priority is Priority.INTERACTIVE)
            waiting = self._ready[Priority.INTERACTIVE].size
            self._companions.expect(answered + waiting, seconds, now)
            self._waiting.end(now, self._held[Priority.INTERACTIVE])

    def _learn_bulk_cost(self, cost: int, seconds: float) -> None:
        """Let bulk batches grow until they take as long as they may."""
        if seconds > self.limits.max_bulk_seconds:
            self._bulk_cost = max(1, min(self._bulk_cost, cost // 2))
        elif cost > self._bulk_cost // 2 and seconds < self.limits.max_bulk_seconds / 2:
            self._bulk_cost = min(self.max_cost, self._bulk_cost * 2)

    def _is_full(self, queue: _Queue[E]) -> bool:
        """Tell whether a batch has no room for more than the queue has."""
        return queue.size >= self.limits.max_batch_size or queue.cost >= self.max_cost

    def _fitting(self, queue: _Queue[E], max_cost: int) -> list[E]:
        batch: list[E] = []
        items, cost = 0, 0
        for entry in queue:
            if batch and entry.kind != batch[0].kind:
                continue
            items, cost = items + entry.size, cost + entry.cost
            if batch and (items > self.limits.max_batch_size or cost > max_cost):
                break
            batch.append(entry)
        return self._taken(batch)

    def _aged(self, batch: Sequence[E], now: float) -> list[E]:
        """Take the bulk work that has waited long, as much as may go with a batch of others."""
        items, cost = sum(one.size for one in batch), sum(one.cost for one in batch)
        aged: list[E] = []
        own = 0
        for entry in self._ready[Priority.BULK]:
            if not batch or now - entry.ready_at < PATIENCE:
                break
            if entry.kind != batch[0].kind:
                continue
            items, cost, own = items + entry.size, cost + entry.cost, own + entry.cost
            is_too_much = items > self.limits.max_batch_size or cost > self.max_cost
            if is_too_much or (aged and own > self._bulk_cost):
                break
            aged.append(entry)
        return self._taken(aged)

    def _taken(self, batch: list[E]) -> list[E]:
        for entry in batch:
            self._leave(entry, State.TAKEN)
        return batch

    def _expire(self, now: float) -> list[E]:
        ready = [entry for queue in self._ready.values() for entry in queue]
        late = [entry for entry in ready if entry.deadline <= now]
        for entry in late:
            self._leave(entry, State.GONE)
        self._soonest = min((e.deadline for e in ready if e.deadline > now), default=math.inf)
        return late

    def _leave(self, entry: E, state: State) -> None:
        if entry.state is State.READY:
            self._ready[entry.priority].remove(entry)
        entry.state = state
        del self._entries[entry]
        self._held[entry.priority] -= entry.size
