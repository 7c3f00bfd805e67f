"""Whatever is asked of an engine in whatever order, each item meets its own fate."""

import asyncio
import math
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from learnwire_service.common.errors import DeadlineExceeded
from learnwire_service.queue.batching import Priority, State
from learnwire_service.queue.engine import clock
from learnwire_service.queue.request import Reply, Request
from learnwire_service.queue.statistics import Fate

from .doubling import Bench, Doubling, DoublingApart, Guilty, numbers, run


class Kind(Enum):
    """What is wrong with a request; with its first number, where it is the model's fault."""

    GOOD = auto()
    ENCODING_FAILS = auto()
    MODEL_FAILS = auto()
    LATE = auto()


@dataclass(frozen=True)
class Ask:
    """Submit a request, from the event loop or as a thread does."""

    kind: Kind
    priority: Priority
    size: int
    from_loop: bool


@dataclass(frozen=True)
class Cancel:
    """Give up a request."""

    which: int


class Step(Enum):
    """Let the event loop take a step, or stop and free the model."""

    PAUSE = auto()
    HOLD = auto()
    FREE = auto()


Steps = list[Ask | Cancel | Step]

asks = st.builds(
    Ask,
    kind=st.just(Kind.GOOD) | st.sampled_from(Kind),
    priority=st.sampled_from(Priority),
    size=st.integers(1, 3),
    from_loop=st.sampled_from([True, True, False]),
)
all_steps = st.lists(
    asks | asks | st.builds(Cancel, st.integers(0, 30)) | st.sampled_from(Step), max_size=40
)


@dataclass
class Asked:
    """A request that was submitted."""

    request: Request
    kind: Kind
    numbers: list[int]
    cancelled: bool = False


class Caller:
    """Takes the steps against an engine, and keeps what was asked."""

    def __init__(self, bench: Bench, *, may_hold: bool) -> None:
        self.bench = bench
        self.asked: list[Asked] = []
        self._may_hold = may_hold

    async def take(self, steps: Steps) -> None:
        """Take the steps, and wait for all that was not given up."""
        for step in steps:
            match step:
                case Ask():
                    self._ask(step)
                case Cancel(which) if which < len(self.asked):
                    self._cancel(self.asked[which])
                case Step.PAUSE:
                    await asyncio.sleep(0)
                case Step.HOLD if self._may_hold:
                    self.bench.plan.opened.clear()
                case Step.FREE:
                    self.bench.plan.opened.set()
        self.bench.plan.opened.set()
        for one in self.asked:
            if not one.cancelled:
                reply = one.request.reply
                await (asyncio.wrap_future(reply) if isinstance(reply, Future) else reply)

    def _ask(self, ask: Ask) -> None:
        first = 10 * len(self.asked)
        mine = list(range(first, first + ask.size))
        if ask.kind is Kind.MODEL_FAILS:
            self.bench.plan.guilty.add(first)
        if ask.kind is Kind.ENCODING_FAILS:
            self.bench.plan.unreadable.add(first)
        here = asyncio.get_running_loop()
        reply: Reply = here.create_future() if ask.from_loop else Future()
        deadline = clock() if ask.kind is Kind.LATE else math.inf
        request = self.bench.request(*mine, reply=reply, priority=ask.priority, deadline=deadline)
        assert self.bench.engine.submit(request)
        self.asked.append(Asked(request, ask.kind, mine))

    def _cancel(self, one: Asked) -> None:
        if not one.request.reply.done():
            one.cancelled = True
            one.request.reply.cancel()
            self.bench.engine.withdraw(one.request, Fate.CANCELLED)


@given(steps=all_steps, quick=st.booleans(), apart=st.booleans(), max_batch_size=st.integers(1, 8))
def test_each_item_meets_its_own_fate_in_any_interleaving(
    steps: Steps, quick: bool, apart: bool, max_batch_size: int
) -> None:
    plan = DoublingApart() if apart else Doubling()
    bench = Bench(plan, quick=quick, max_batch_size=max_batch_size)
    # The model must not be held in the event loop that is to free it.
    caller = Caller(bench, may_hold=apart or not quick)
    try:
        run(caller.take(steps))
    finally:
        plan.opened.set()
        bench.engine.close(wait=True)
    assert bench.engine.waiting == 0
    seen = [number for batch in plan.batches for number in batch]
    for one in caller.asked:
        if not one.cancelled:
            check_outcomes(one, seen)
        elif one.request.state is State.GONE:
            assert not {*one.numbers} & {*seen}
    for priority in Priority:
        check_order([one for one in caller.asked if one.request.priority is priority], seen)
    check_counts(bench, caller.asked)


def check_outcomes(one: Asked, seen: list[int]) -> None:
    first, *others = numbers(one.request.reply.result())
    doubled = [2 * number for number in one.numbers]
    match one.kind:
        case Kind.GOOD:
            assert [first, *others] == doubled
            assert {*one.numbers} <= {*seen}
        case Kind.LATE:
            assert all(isinstance(error, DeadlineExceeded) for error in [first, *others])
            assert not {*one.numbers} & {*seen}
        case Kind.ENCODING_FAILS:
            assert all(isinstance(error, Guilty) for error in [first, *others])
            assert not {*one.numbers} & {*seen}
        case Kind.MODEL_FAILS:
            assert isinstance(first, Guilty)
            assert others == doubled[1:]


def check_order(asked: list[Asked], seen: list[int]) -> None:
    """Check that the model saw them, for the first time, in the order in which they came."""
    mine = [number for one in asked for number in one.numbers]
    first_seen = [number for number in dict.fromkeys(seen) if number in {*mine}]
    assert first_seen == [number for number in mine if number in {*first_seen}]


def check_counts(bench: Bench, asked: list[Asked]) -> None:
    """Check the fates that the engine counts; the others are for who reads the outcomes."""

    def items(chosen: Any) -> int:
        return sum(one.request.size for one in asked if chosen(one))

    counted = bench.statistics.read().items
    expired = items(lambda one: one.kind is Kind.LATE and not one.cancelled)
    given_up = items(lambda one: one.cancelled)
    assert expired <= counted[Fate.EXPIRED]
    assert expired + given_up >= counted[Fate.EXPIRED] + counted[Fate.CANCELLED]
    both = items(lambda one: one.cancelled and one.kind in (Kind.GOOD, Kind.MODEL_FAILS))
    assert both <= counted[Fate.CANCELLED]
