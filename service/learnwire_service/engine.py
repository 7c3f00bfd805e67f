"""The engine: one model's queue, and who encodes its items and predicts them."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from threading import Condition
from typing import TYPE_CHECKING, Any

from .answers import Outcome, Outcomes
from .batching import Batcher, Limits, Priority
from .errors import DeadlineExceeded, RunnerClosed
from .requests import Request, answer
from .statistics import Fate, Statistics

if TYPE_CHECKING:
    from .learners.plan import Plan

clock = time.monotonic


class Engine:
    """Runs one plan, batch after batch, for callers in any thread or event loop.

    One batch at a time is predicted, for a learner keeps state while it predicts: in a thread
    of the engine's own, or, where that takes less time than to wake a thread, in the event
    loop of the callers. Where a plan encodes apart, the next items are encoded in a second
    thread meanwhile.

    Args:
        name: names the threads.
        plan: predicts.
        quick: whether the plan predicts an item in well under a millisecond.
        limits: bound batches and queue.
        statistics: are kept of all that happens.
    """

    def __init__(
        self, name: str, plan: "Plan", limits: Limits, statistics: Statistics, *, quick: bool
    ) -> None:
        self._plan = plan
        self._quick = quick
        self._batcher: Batcher[Request] = Batcher(limits, plan.max_cost)
        self._statistics = statistics
        self._changed = Condition()
        self._room: deque[Future[None]] = deque()
        self._running = self._closed = False
        # The event loop in which the next batch is due, where it is to be predicted in one.
        self._here: asyncio.AbstractEventLoop | None = None
        self._due: asyncio.Handle | None = None
        self._model = ThreadPoolExecutor(1, thread_name_prefix=f"model-{name}")
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix=f"encode-{name}")

    @property
    def waiting(self) -> int:
        """Count the items that wait for their batch."""
        return len(self._batcher)

    def submit(self, request: Request) -> bool:
        """Queue a request, whose reply is set once it has been answered.

        Returns: False where there is no room for it.

        Raises:
            RunnerClosed: the engine has been closed.
        """
        with self._changed:
            if self._closed:
                raise RunnerClosed("the model is being put away")
            if not self._batcher.admit(request, clock()):
                return False
            if self._plan.encodes_apart:
                self._encoder.submit(self._encode, request)
                return True
        self._encode(request)
        return True

    def room(self, request: Request) -> Future[None]:
        """Give a future that is done when there may be room for a request."""
        waiter: Future[None] = Future()
        with self._changed:
            if self._closed or self._batcher.has_room(request.size, request.priority):
                waiter.set_result(None)
            else:
                self._room.append(waiter)
        return waiter

    def withdraw(self, request: Request, fate: Fate) -> None:
        """Give up a request that nobody waits for any more, unless its batch has begun."""
        if self._withdrawn(request):
            self._statistics.count(fate, request.size)

    def close(self, *, wait: bool) -> None:
        """Fail what has not begun, and let the threads end; wait for them if told to."""
        with self._changed:
            self._closed = True
            gone = self._batcher.clear()
            self._make_room()
        for request in gone:
            request.fail(RunnerClosed("the model was put away before it came to this item"))
        self._encoder.shutdown(wait=wait, cancel_futures=True)
        self._model.shutdown(wait=wait, cancel_futures=True)

    def _encode(self, request: Request) -> None:
        try:
            request.work = request.encode()
            request.cost = self._plan.cost(request.work)
        except Exception as error:  # noqa: BLE001 - it is the item's outcome
            if self._withdrawn(request):
                request.fail(error)
            return
        with self._changed:
            self._batcher.ready(request, clock())
            if self._running and not (self._here and self._here.is_closed()):
                self._changed.notify()
                if self._due is not None and request.loop is self._here:
                    self._hurry()
            elif not self._closed:
                self._running = True
                self._work_off(request.loop)

    def _withdrawn(self, request: Request) -> bool:
        with self._changed:
            withdrawn = self._batcher.withdraw(request)
            self._make_room()
        return withdrawn

    def _work_off(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Begin to predict what waits, or go on."""
        self._here = loop if self._quick and self._batcher.next is Priority.INTERACTIVE else None
        if self._here is None:
            self._model.submit(self._run)
        else:
            delay = self._batcher.delay(clock()) or 0.0
            self._due = self._here.call_later(delay, self._run_here, self._here)

    def _hurry(self) -> None:
        """Let the batch in the event loop begin, where all that it waits for has come."""
        assert self._due is not None  # noqa: S101 - the caller looked
        if self._here is not None and self._batcher.delay(clock()) == 0:
            self._due.cancel()
            self._due = self._here.call_soon(self._run_here, self._here)

    def _run(self) -> None:
        """Predict batch after batch until nothing waits."""
        while True:
            with self._changed:
                while delay := self._batcher.delay(clock()):
                    self._changed.wait(delay)
                if delay is None:
                    self._running = False
                    return
            self._run_batch(None)

    def _run_here(self, loop: asyncio.AbstractEventLoop) -> None:
        """Predict one batch in the event loop, and leave room for others before the next."""
        self._run_batch(loop)
        with self._changed:
            self._due = None
            if self._batcher.delay(clock()) is None:
                self._running = False
            else:
                self._work_off(loop)

    def _run_batch(self, here: asyncio.AbstractEventLoop | None) -> None:
        start = clock()
        with self._changed:
            batch, late = self._batcher.take(start)
            self._make_room()
        for request in late:
            request.fail(DeadlineExceeded("the deadline passed before the model came to this item"))
        self._statistics.count(Fate.EXPIRED, sum(request.size for request in late))
        if not batch:
            return
        outcomes = self._predict(batch)
        end = clock()
        with self._changed:
            self._batcher.finished(batch, end - start, end)
        answer(zip(batch, outcomes, strict=True), here)
        self._statistics.observe(batch, start, end)

    def _predict(self, batch: Sequence[Request]) -> list[Outcomes]:
        sizes = [request.size for request in batch]
        try:
            answers = self._plan.predict([request.work for request in batch])
            if len(answers) != sum(sizes):
                raise ValueError(f"{len(answers)} answers to {sum(sizes)} items")
        except BaseException:  # noqa: BLE001 - one item may have failed all: each by itself then
            return [self._predict_singly(request.work) for request in batch]
        ends = zip(accumulate(sizes), sizes, strict=True)
        return [answers[end - size : end] for end, size in ends]

    def _predict_singly(self, work: Any) -> Outcomes:
        outcomes: list[Outcome] = []
        for part in self._plan.parts(work):
            try:
                [outcome] = self._plan.predict([part])
            except BaseException as error:  # noqa: BLE001 - a model may raise anything
                outcome = error if isinstance(error, Exception) else RuntimeError(repr(error))
            outcomes.append(outcome)
        return outcomes

    def _make_room(self) -> None:
        if not self._batcher.has_room(1, Priority.BULK):
            return
        while self._room:
            waiter = self._room.popleft()
            if waiter.set_running_or_notify_cancel():
                waiter.set_result(None)
