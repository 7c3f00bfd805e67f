"""The batcher: which waiting items make the next batch. No threads, no clock of its own."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import Any, Generic, TypeVar

# After so many batches of others the bulk work that waits gets a turn.
_TURNS = 3
# How long a batch waits for the companions that it expects, in seconds and as a share of the
# time that the one before took, and how many batches pass at most before more are hoped for.
_GATHERING, _GATHERING_SHARE = 0.005, 0.05
_MAX_CAUTION = 1024


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


@dataclass(frozen=True)
class Limits:
    """What bounds a model's batches and its queue.

    Attributes:
        max_batch_size: the most items in a batch.
        max_queue: the most items of one priority that wait or are being encoded.
        max_delay: how long the first item of a batch may wait for others, in seconds.
        max_bulk_seconds: how long a batch of bulk work should take at most, since
            interactive items wait for its end.
    """

    max_batch_size: int = 4096
    max_queue: int = 2048
    max_delay: float = 0.0
    max_bulk_seconds: float = 0.2


DEFAULT_LIMITS = Limits()


@dataclass(eq=False)
class Entry:
    """One or several items of one caller, which are answered together.

    Attributes:
        size: how many items.
        deadline: when they are no longer wanted, on the batcher's clock.
        work: the items, encoded.
        cost: what they cost, as the plan counts.
    """

    size: int = 1
    priority: Priority = Priority.INTERACTIVE
    deadline: float = math.inf
    work: Any = None
    cost: int = 0
    ready_at: float = 0.0
    admitted_at: float = 0.0
    state: State = State.NEW


E = TypeVar("E", bound=Entry)


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
        self._entries: set[E] = set()
        self._ready: dict[Priority, deque[E]] = {p: deque() for p in Priority}
        self._ready_items = dict.fromkeys(Priority, 0)
        self._turns = 0
        self._companions = _Companions()
        self._bulk_cost = max(1, max_cost // 16)

    def __len__(self) -> int:
        """Count the items that wait or are being encoded."""
        return sum(self._held.values())

    def has_room(self, size: int, priority: Priority) -> bool:
        """Tell whether that many more items may be admitted; some always may where none wait."""
        held = self._held[priority]
        return held == 0 or held + size <= self.limits.max_queue

    def admit(self, entry: E, now: float) -> bool:
        """Give an entry a place; False where there is none."""
        if not self.has_room(entry.size, entry.priority):
            return False
        self._held[entry.priority] += entry.size
        self._entries.add(entry)
        entry.state, entry.admitted_at = State.ADMITTED, now
        return True

    def ready(self, entry: E, now: float) -> None:
        """Queue an entry that has been encoded; one that was withdrawn meanwhile stays away."""
        if entry.state is State.ADMITTED:
            entry.state, entry.ready_at = State.READY, now
            self._ready[entry.priority].append(entry)
            self._ready_items[entry.priority] += entry.size

    def withdraw(self, entry: E) -> bool:
        """Take an entry out of the queue; False where it was taken or has gone before."""
        if entry.state not in (State.ADMITTED, State.READY):
            return False
        if entry.state is State.READY:
            self._ready[entry.priority].remove(entry)
        self._leave(entry, State.GONE)
        return True

    def clear(self) -> list[E]:
        """Withdraw all entries, and give them."""
        return [entry for entry in list(self._entries) if self.withdraw(entry)]

    def delay(self, now: float) -> float | None:
        """Tell how many seconds from now the next batch is due; None where nothing is ready."""
        ready = self._ready[Priority.INTERACTIVE] or self._ready[Priority.BULK]
        if not ready:
            return None
        count = self._ready_items[Priority.INTERACTIVE]
        if count == 0 or count >= self.limits.max_batch_size:
            return 0.0
        until = ready[0].ready_at + self.limits.max_delay
        if count < self._companions.expected:
            until = max(until, self._companions.until)
        return max(0.0, until - now)

    def take(self, now: float) -> tuple[list[E], list[E]]:
        """Take the next batch: the first entries of one priority that fit in it.

        Returns: the batch, and the entries whose deadline had passed, which have gone.
        """
        late = [entry for queue in self._ready.values() for entry in queue if entry.deadline <= now]
        for entry in late:
            self.withdraw(entry)
        priority = self._whose_turn()
        queue = self._ready[priority]
        most = self.max_cost if priority is Priority.INTERACTIVE else self._bulk_cost
        batch: list[E] = []
        items, cost = 0, 0
        while queue:
            items, cost = items + queue[0].size, cost + queue[0].cost
            if batch and (items > self.limits.max_batch_size or cost > most):
                break
            batch.append(queue.popleft())
            self._leave(batch[-1], State.TAKEN)
        return batch, late

    def finished(self, batch: Sequence[E], seconds: float, now: float) -> None:
        """Learn from a batch that has been answered, and that took so long."""
        if not batch:
            return
        if batch[0].priority is Priority.BULK:
            self._learn_bulk_cost(sum(entry.cost for entry in batch), seconds)
        else:
            count = sum(entry.size for entry in batch)
            self._companions.learn(count, self._ready_items[Priority.INTERACTIVE], seconds, now)

    def _learn_bulk_cost(self, cost: int, seconds: float) -> None:
        """Let bulk batches grow until they take as long as they may."""
        if seconds > self.limits.max_bulk_seconds:
            self._bulk_cost = max(1, min(self._bulk_cost, cost) // 2)
        elif cost > self._bulk_cost // 2 and seconds < self.limits.max_bulk_seconds / 2:
            self._bulk_cost = min(self.max_cost, self._bulk_cost * 2)

    @property
    def next(self) -> Priority:
        """Whose turn is next, where something is ready."""
        return Priority.INTERACTIVE if self._ready[Priority.INTERACTIVE] else Priority.BULK

    def _whose_turn(self) -> Priority:
        interactive, bulk = self._ready[Priority.INTERACTIVE], self._ready[Priority.BULK]
        if not bulk or (interactive and self._turns < _TURNS):
            self._turns = self._turns + 1 if bulk else 0
            return Priority.INTERACTIVE
        self._turns = 0
        return Priority.BULK

    def _leave(self, entry: E, state: State) -> None:
        if entry.state is State.READY:
            self._ready_items[entry.priority] -= entry.size
        entry.state = state
        self._entries.remove(entry)
        self._held[entry.priority] -= entry.size


class _Companions:
    """How many items the next batch may expect, going by the ones before.

    Callers who ask again when they are answered come back within moments. Without a word for
    it the first of them would go alone and the others wait for it, batch after batch. A lone
    caller's batches hold one item, so nothing is expected beside his next.

    Attributes:
        expected: how many items.
        until: when the batch goes without those that have not come.
    """

    def __init__(self) -> None:
        self.expected = 1
        self.until = -math.inf
        self._caution = self._pause = 0

    def learn(self, count: int, waiting: int, seconds: float, now: float) -> None:
        """Learn from a batch of `count` items; `waiting` more came while it was predicted."""
        hoped = self.expected > 1
        if hoped and count < self.expected:
            self._caution = min(_MAX_CAUTION, max(1, 2 * self._caution))
            self._pause = self._caution
        elif count >= self.expected and hoped:
            self._caution = 0
        self.expected = count + waiting
        if self._pause:
            self._pause -= 1
        else:
            self.expected += 1
        self.until = now + max(_GATHERING, seconds * _GATHERING_SHARE)
