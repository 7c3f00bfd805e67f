"""A plan small enough to see what an engine does with it."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from threading import Event, Lock, get_ident
from typing import Any

import numpy as np
from learnwire_client.prediction import Regression
from learnwire_service.common.limits import Limits
from learnwire_service.queue.batching import Priority
from learnwire_service.queue.engine import Engine
from learnwire_service.queue.request import Reply, Request
from learnwire_service.queue.statistics import Statistics
from learnwire_service.sealed.plan import Plan
from learnwire_service.signature.answers import Outcome, Outcomes

PATIENCE = 60  # seconds until a test that waits in vain fails
FOREVER = 3600.0  # seconds of delay that no test waits for

INTERACTIVE, BULK = Priority.INTERACTIVE, Priority.BULK


class Guilty(Exception):
    """What the plan raises."""


class Doubling(Plan):
    """Doubles numbers; a work is a tuple of them.

    Attributes:
        guilty: the numbers on which it raises.
        fault: what it raises.
        unreadable: the numbers on whose encoding it raises.
        opened: cleared, it keeps the model from answering; so does `may_encode`.
        entered: set once the model has been asked; so is `encoding`.
        during: called in the middle of a prediction.
    """

    name = "doubling"
    max_cost = 100

    def __init__(self) -> None:
        self.guilty: set[int] = set()
        self.unreadable: set[int] = set()
        self.fault: BaseException | None = None
        self.opened, self.entered = Event(), Event()
        self.may_encode, self.encoding = Event(), Event()
        self.opened.set()
        self.may_encode.set()
        self.during: Callable[[], object] = tuple
        self.batches: list[list[int]] = []
        self.encoded: list[int] = []
        self.threads: list[int] = []
        self._one_at_a_time, self._encodes = Lock(), Lock()

    def encode(self, item: Any) -> Any:
        assert self._encodes.acquire(blocking=False), "two threads encode"
        try:
            self.encoding.set()
            assert self.may_encode.wait(PATIENCE)
            if self.unreadable.intersection(item):
                raise Guilty(*item)
            self.encoded += item
            return item
        finally:
            self._encodes.release()

    def cost(self, encoded: Any) -> int:
        return len(encoded)

    def parts(self, encoded: Any) -> Sequence[Any]:
        return [(number,) for number in encoded]

    def predict(self, batch: Sequence[Any]) -> Sequence[Outcome]:
        assert self._one_at_a_time.acquire(blocking=False), "two batches at once"
        try:
            numbers = [number for work in batch for number in work]
            self.batches.append(numbers)
            self.threads.append(get_ident())
            self.entered.set()
            self.during()
            assert self.opened.wait(PATIENCE), "nobody opened the gate"
            if self.guilty.intersection(numbers):
                raise self.fault or Guilty(*sorted(self.guilty.intersection(numbers)))
            return self.answers(numbers)
        finally:
            self._one_at_a_time.release()

    def answers(self, numbers: list[int]) -> Sequence[Outcome]:
        return [Regression.of(np.array([2 * number], np.float32)) for number in numbers]


class DoublingApart(Doubling):
    encodes_apart = True


class Bench:
    """An engine with its plan, and short words for what is done to them."""

    def __init__(self, plan: Doubling, *, quick: bool = False, **limits: Any) -> None:
        self.plan = plan
        self.statistics = Statistics("bench", "v1")
        self.engine = Engine("bench", plan, Limits(**limits), self.statistics, quick=quick)

    def request(
        self,
        *numbers: int,
        reply: Reply | None = None,
        priority: Priority = INTERACTIVE,
        deadline: float = math.inf,
    ) -> Request:
        return Request(
            size=len(numbers),
            priority=priority,
            deadline=deadline,
            encode=partial(self.plan.encode, numbers),
            reply=Future() if reply is None else reply,
        )

    def ask(self, *numbers: int, **settings: Any) -> "Future[Outcomes]":
        """Submit from a thread."""
        reply: Future[Outcomes] = Future()
        assert self.engine.submit(self.request(*numbers, reply=reply, **settings))
        return reply

    def ask_here(self, *numbers: int, **settings: Any) -> "asyncio.Future[Outcomes]":
        """Submit from the running event loop."""
        reply: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
        assert self.engine.submit(self.request(*numbers, reply=reply, **settings))
        return reply

    def await_gathering(self) -> None:
        """Wait until a batch waits for more items."""
        while not self.engine._gathering:
            time.sleep(0)

    def hold(self) -> "Future[Outcomes]":
        """Keep the model busy with the number 0, until the gate is opened."""
        self.plan.opened.clear()
        self.plan.entered.clear()
        reply = self.ask(0)
        assert self.plan.entered.wait(PATIENCE)
        return reply


Make = Callable[..., Bench]


@contextmanager
def benches() -> Iterator[Make]:
    """Make benches, and let go and close them in the end."""
    made: list[Bench] = []

    def make(plan: Doubling | None = None, **settings: Any) -> Bench:
        made.append(Bench(plan or Doubling(), **settings))
        return made[-1]

    yield make
    for bench in made:
        bench.plan.opened.set()
        bench.plan.may_encode.set()
        bench.engine.close(wait=True)


def numbers(outcomes: Outcomes) -> list[Any]:
    """Give the answered numbers, with errors in their places."""
    return [
        outcome if isinstance(outcome, Exception) else float(outcome.probabilities[0])
        for outcome in outcomes
    ]


def result(reply: "Future[Outcomes]") -> list[Any]:
    return numbers(reply.result(PATIENCE))


def run(main: Any) -> Any:
    """Run a coroutine in an event loop of its own, but not for ever."""
    return asyncio.run(asyncio.wait_for(main, PATIENCE))
