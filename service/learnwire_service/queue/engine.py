"""The engine: one model's queue, and who encodes its items and predicts them."""

import asyncio
import math
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Condition, Lock

from ..common.errors import DeadlineExceeded, ModelTimeout, RunnerClosed
from ..common.limits import Limits
from ..common.predictor import Predictor
from . import overdue
from .batching import Batcher, Priority, State
from .faults import as_exception, predict
from .request import Request, answer
from .statistics import Fate, Statistics
from .traced import trace

clock = time.monotonic


class Engine:
    """Runs one predictor, batch after batch, for callers in any thread or event loop.

    One batch at a time is predicted, for a model keeps state while it predicts: in a thread
    of the engine's own, or, where that takes less time than to wake a thread, in the event
    loop of the callers. Where it encodes apart, the next items are encoded in a second
    thread meanwhile.

    Args:
        name: names the threads.
        predictor: predicts.
        quick: whether it predicts an item in well under a millisecond.
        limits: bound batches and queue.
        statistics: are kept of all that happens.
        timeout: how long the predictor may take for a batch, in seconds; 0: for ever.
    """

    def __init__(
        self,
        name: str,
        predictor: Predictor,
        limits: Limits,
        statistics: Statistics,
        *,
        quick: bool,
        timeout: float = 0.0,
    ) -> None:
        self.name, self.timeout = name, timeout
        self._predictor = self._watched = overdue.Stopwatch(predictor, statistics.asked)
        self._batch: list[Request] = []
        self._quick = quick and not predictor.encodes_apart
        self._batcher: Batcher[Request] = Batcher(limits, predictor.max_cost)
        self._statistics = statistics
        self._lock, self._encoding = Lock(), Lock()
        self._enough = Condition(self._lock)
        self._waiters: dict[Priority, deque[tuple[Request, Future[None]]]] = {
            priority: deque() for priority in Priority
        }
        self._running = self._closed = False
        # Whether a batch waits for more items to come.
        self._gathering = False
        # The event loop that predicts, where one does, and which of its calls is to.
        self._here: asyncio.AbstractEventLoop | None = None
        self._call = 0
        self._called = False
        self._model = ThreadPoolExecutor(1, thread_name_prefix=f"model-{name}")
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix=f"encode-{name}")
        overdue.watch(self)

    @property
    def waiting(self) -> int:
        """Count the items that wait for their batch."""
        return len(self._batcher)

    @property
    def busy_seconds(self) -> float:
        """For how long the model has been asked what it has not answered."""
        return clock() - self._watched.began

    def give_up(self) -> None:
        """Fail the batch that the model does not answer, and close."""
        with self._lock:
            batch, self._batch = self._batch, []
        self.close(wait=False)
        error = ModelTimeout(
            f"the model {self.name} gave no answer within {self.timeout:g} s; the server's log "
            "names it"
        )
        for request in batch:
            request.fail(error)
            self._statistics.count(Fate.FAILED, request.size)

    def too_late(self, request: Request) -> bool:
        """Tell whether a request would wait beyond its deadline; one that has passed is expired."""
        if request.deadline == math.inf:
            return False
        now = clock()
        with self._lock:
            return now < request.deadline < now + self._batcher.wait(now)

    def submit(self, request: Request) -> bool:
        """Queue a request, whose reply is set once it has been answered.

        It is called in the event loop of the reply, where that belongs to one.

        Returns: False where there is no room for it.

        Raises:
            RunnerClosed: the engine has been closed.
        """
        with self._lock:
            if self._closed:
                raise RunnerClosed("the model is being put away")
            if request.state is State.NEW and not self._has_place(request):
                return False
            if self._predictor.encodes_apart or request.large:
                self._encoder.submit(self._encode_apart, request)
                return True
        # An event loop does not wait for the end of a large one.
        if not self._encoding.acquire(blocking=request.loop is None):
            with self._lock:
                if not self._closed:
                    self._encoder.submit(self._encode_apart, request)
            return True
        try:
            self._encode(request)
        finally:
            self._encoding.release()
        return True

    async def submit_patiently(self, request: Request) -> None:
        """Queue a request, once there is room for it; see `submit`."""
        while not self.submit(request):
            await asyncio.wrap_future(self.room(request))

    def room(self, request: Request) -> Future[None]:
        """Give a future that is done when there is a place for a request, to be submitted then.

        Those that wait get their places in turn; see `withdraw` to give it up.
        """
        waiter: Future[None] = Future()
        with self._lock:
            self._waiters[request.priority].append((request, waiter))
            self._make_room()
        return waiter

    def withdraw(self, request: Request, fate: Fate) -> None:
        """Give up a request that nobody waits for any more; that is its items' fate."""
        if self._withdrawn(request) or request.state is State.TAKEN:
            self._statistics.count(fate, request.size)

    def close(self, *, wait: bool) -> None:
        """Fail what has not begun, and let the threads end; wait for them if told to."""
        with self._lock:
            self._closed = True
            gone = self._batcher.clear()
            self._make_room()
            self._enough.notify()
        for request in gone:
            request.fail(RunnerClosed("the model was put away before it came to this item"))
        self._encoder.shutdown(wait=wait, cancel_futures=True)
        self._model.shutdown(wait=wait, cancel_futures=True)

    def _has_place(self, request: Request) -> bool:
        if not self._waiters[request.priority] and self._batcher.admit(request, clock()):
            self._statistics.wait(len(self._batcher))
            return True
        # An event loop that has been stopped would keep all places for ever.
        if self._here is not None and self._here is not request.loop:
            self._hand_over()
        return False

    def _make_room(self) -> None:
        for waiters in self._waiters.values():
            while waiters:
                request, waiter = waiters[0]
                wanted = request.state is State.NEW and not self._closed
                if wanted and not self._batcher.admit(request, clock()):
                    break
                waiters.popleft()
                if waiter.set_running_or_notify_cancel():
                    waiter.set_result(None)
        self._statistics.wait(len(self._batcher))

    def _withdrawn(self, request: Request) -> bool:
        with self._lock:
            withdrawn = self._batcher.withdraw(request)
            if request.state is State.NEW:
                request.state = State.GONE
            self._make_room()
        return withdrawn

    def _encode_apart(self, request: Request) -> None:
        with self._encoding:
            self._encode(request)

    def _encode(self, request: Request) -> None:
        if request.state is not State.ADMITTED:
            return
        request.encoding_at = start = clock()
        try:
            request.work = request.encode()
            self._statistics.encoded(clock() - start)
            request.cost = self._predictor.cost(request.work)
        except BaseException as error:  # noqa: BLE001 - it is the item's outcome
            if self._withdrawn(request):
                request.fail(as_exception(error))
            return
        with self._lock:
            if self._batcher.ready(request, clock()):
                self._see_to(request)

    def _see_to(self, request: Request) -> None:
        """Have a request that is ready predicted, in its turn."""
        brief = request.priority is Priority.INTERACTIVE and not request.large
        if not self._running:
            self._running = True
            self._here = request.loop if self._quick and brief else None
            self._begin(self._batcher.delay(clock()) or 0.0)
        elif self._here is not None and (self._here is not request.loop or not brief):
            self._hand_over()
        elif self._gathering and self._batcher.delay(clock()) == 0:
            self._gathering = False
            if self._here is None:
                self._enough.notify()
            else:
                self._begin(0.0)

    def _begin(self, delay: float) -> None:
        """Begin to predict: in the event loop, after a delay, or in the thread."""
        self._call += 1
        self._called = False
        if self._here is None:
            self._model.submit(self._run)
        else:
            self._gathering = delay > 0
            self._here.call_later(delay, self._run_here, self._here, self._call)

    def _hand_over(self) -> None:
        """Predict in the thread from now on, until nothing waits.

        An event loop works only for itself: what others wait for is not to depend on it, and
        bulk work would block it.
        """
        self._here = None
        if not self._called:
            self._begin(0.0)

    def _run(self) -> None:
        """Predict batch after batch until nothing waits."""
        while True:
            with self._lock:
                while delay := self._batcher.delay(clock()):
                    self._gathering = True
                    self._enough.wait(delay)
                self._gathering = False
                if delay is None:
                    self._running = False
                    return
            self._run_batch(None)

    def _run_here(self, loop: asyncio.AbstractEventLoop, call: int) -> None:
        """Predict one batch in the event loop, and leave room for others before the next."""
        with self._lock:
            if call != self._call:
                return
            self._called, self._gathering = True, False
        self._run_batch(loop)
        with self._lock:
            delay = self._batcher.delay(clock())
            if delay is None:
                self._running, self._here = False, None
            else:
                self._begin(delay)

    def _run_batch(self, here: asyncio.AbstractEventLoop | None) -> None:
        start = clock()
        with self._lock:
            batch, late = self._batcher.take(start)
            self._batch = batch
            self._make_room()
        for request in late:
            request.fail(DeadlineExceeded("the deadline passed before the model came to this item"))
            self._statistics.count(Fate.EXPIRED, request.size)
        if not batch:
            return
        outcomes = predict(self._predictor, batch)
        end = clock()
        with self._lock:
            if self._batch is not batch:
                return  # it has been given up
            self._batch = []
            self._batcher.finished(batch, end - start, end)
        self._statistics.observe(batch, start, end)
        trace(batch, start, end, self._statistics)
        answer(zip(batch, outcomes, strict=True), here)
