"""A runner whose calls wait in the queue of one engine."""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from ..common.deadline import Deadline
from ..common.errors import DeadlineExceeded, ModelNotReady, QueueFull, RunnerClosed
from ..common.logs import get_logger
from ..common.memory import resident_bytes
from ..common.settings import ServerSettings
from ..observe.states import ModelState
from ..queue.engine import Engine
from ..queue.request import Reply, Request, Results
from ..queue.statistics import Fate, Statistics
from ..store.in_use import Use
from .budget import Budget
from .coming import Coming
from .uses import Uses

# Not what the environment says: only a server asks it.
_DEFAULTS = ServerSettings.model_construct(max_wait=math.inf, model_timeout=0.0, load_timeout=0.0)


class Loaded(Protocol):
    """What a runner has once it is loaded."""

    @property
    def engine(self) -> Engine:
        """Queues and predicts."""


_log = get_logger()

L = TypeVar("L", bound=Loaded)
T = TypeVar("T")


class QueuedRunner(ABC, Generic[L]):
    """Loads once what it runs, and lets any thread or event loop ask; a BaseRunner.

    Attributes:
        name: what requests and statistics call it.
        tag: the name, with the version where it has one.
        statistics: what its queue and its batches have been like.
        state: how it is.
        uses: the calls of a server that it answers.
        memory_bytes: by how much the process grew when it was loaded; within a budget, at first.
        used_at: when it was last asked, by the monotonic clock.
    """

    def __init__(self, name: str, version: str = "") -> None:
        self.name = name
        self.tag = f"{name}:{version}" if version else name
        self.statistics = Statistics(name, version)
        self.state = ModelState(name, version)
        self.uses = Uses()
        self.memory_bytes, self.used_at = 0, 0.0
        self._version = version
        self._use: Use | None = None
        self._settings = _DEFAULTS
        self._loading, self._holding = Lock(), Lock()
        self._holders = 0
        # Whether it was used before anybody held it.
        self._stays = self._closed = False
        self._loaded: L | None = None
        self._budget: Budget | None = None
        # Whether it was loaded, and gave its room to others.
        self._rests = False
        self._coming = Coming(self._load_anew)

    def show_use(self, use: Use) -> None:
        """Let others see that a version is in use for as long as a server is served."""
        self._use = use

    def keep_within(self, budget: Budget | None) -> None:
        """Be loaded within a budget, and unloaded when others need the room; None: within none."""
        self._budget = budget

    def hold(self, settings: ServerSettings) -> None:
        """Serve a server from now on; see BaseRunner."""
        with self._holding:
            self._settings = settings.of_model(self.name, self._version)
            if self._closed:
                self._closed, self._loaded = False, None
            if not self._holders:
                self._stays = self._loaded is not None
                if not self._stays:
                    self.statistics = Statistics(self.name, self._version)
                if self._use is not None:
                    self._use.begin()
            self._holders += 1

    def release(self) -> None:
        """Serve a server no longer; see BaseRunner."""
        with self._holding:
            self._holders -= 1
            if not self._holders and self._use is not None:
                self._use.end()
            if not self._holders and not self._stays:
                # Its threads end once what it has been asked is answered, and nobody knows it.
                self._loaded, self._rests = None, False
                if self._budget is not None:
                    self._budget.forget(self)

    def unload(self) -> None:
        """Give up what was loaded until it is next asked; see Unloadable."""
        with self._holding:
            self._loaded, self._rests = None, True
        self.state.unloaded()

    def import_shared(self) -> None:
        """Import what all of its kind stand on; see Unloadable."""

    def load(self) -> L:
        """Load now rather than when it is first asked.

        Raises:
            RunnerClosed: it has been closed.
            LearnwireError: what it runs does not load.
        """
        with self._loading:
            if self._closed:
                raise RunnerClosed(f"the runner of {self.tag} has been closed")
            if (loaded := self._loaded) is None:
                start = time.monotonic()
                loaded = self._load_measured()
                self.state.loaded(time.monotonic() - start)
                with self._holding:
                    self._loaded, self._rests = loaded, False
                    if is_late := self._closed:  # while it was loaded
                        loaded.engine.close(wait=False)
                if is_late:
                    self._leave()
            return loaded

    async def retire(self, seconds: float) -> None:
        """Answer the calls of a server that have begun, within these seconds; be used no more."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.uses.none(), seconds)
        self.release()
        self.close(wait=False)
        self._leave()

    def _leave(self) -> None:
        """Leave nothing behind that tells of it: it is used no more."""
        self.state.gone()
        if self._budget is not None:
            self._budget.forget(self)

    @property
    def is_ready(self) -> bool:
        """Whether it has been loaded and checked; it may have been unloaded since."""
        return self._rests or self._loaded is not None

    @property
    def is_unloaded(self) -> bool:
        """Whether it was loaded, and gave its memory to others until it is next asked."""
        return self._rests

    def close(self, *, wait: bool = True) -> None:
        """Fail what has not begun, and let the threads end; wait for them unless told otherwise."""
        with self._holding:
            self._closed = True
            loaded = self._loaded
        if loaded is not None:
            loaded.engine.close(wait=wait)

    def ask(self, value: Any, timeout: float | None) -> Any:
        """Ask once and wait, `timeout` seconds at most."""
        deadline = Deadline(timeout)
        loaded, reply = self._at_hand() or self.load(), Future[Results]()
        request = self._request(loaded, value, reply, deadline.at)
        self._submit(loaded.engine, request)
        try:
            results = reply.result(deadline.left)
        except TimeoutError:
            loaded.engine.withdraw(request, Fate.EXPIRED)
            raise late(timeout) from None
        return _raised(self._outcome(loaded, request, results))

    async def ask_async(self, value: Any, timeout: float | None, *, patient: bool = False) -> Any:
        """Ask once, where the batch begins within `timeout` seconds; the caller gives up by itself.

        Where too many items wait, a patient one waits for its place, another is refused.
        """
        deadline = Deadline(timeout)
        loaded = self._at_hand() or await self._load_apart()
        reply: asyncio.Future[Results] = asyncio.get_running_loop().create_future()
        request = self._request(loaded, value, reply, deadline.at)
        try:
            if patient:
                await loaded.engine.submit_patiently(request)
            else:
                self._submit(loaded.engine, request)
            results = await reply
        except asyncio.CancelledError:
            # Whoever set the deadline cancels when it has passed.
            fate = Fate.EXPIRED if deadline.has_passed else Fate.CANCELLED
            loaded.engine.withdraw(request, fate)
            raise
        return _raised(self._outcome(loaded, request, results))

    async def ask_in_time(self, value: Any, timeout: float | None) -> Any:
        """Ask once, patiently, and give up after `timeout` seconds."""
        return await in_time(self.ask_async(value, timeout, patient=True), timeout)

    @abstractmethod
    def _load(self, settings: ServerSettings) -> L:
        """Load what is run, and make its engine, by the settings where its maker set nothing."""

    @abstractmethod
    def _request(self, loaded: L, value: Any, reply: Reply, deadline: float) -> Request:
        """Make the request of one call."""

    @abstractmethod
    def _outcome(self, loaded: L, request: Request, results: Results) -> Any:
        """Give what the caller gets, or the error that he does."""

    def _at_hand(self) -> L | None:
        self.used_at = time.monotonic()
        return self._loaded

    def _load_measured(self) -> L:
        if self._budget is not None:
            loaded = self._budget.load(self, partial(self._load, self._settings))
            self.state.takes(self.memory_bytes)
            return loaded
        before = resident_bytes()
        loaded = self._load(self._settings)
        self.memory_bytes = max(0, resident_bytes() - before)
        return loaded

    def _load_anew(self) -> L:
        """Load, and tell the log where that fails: callers may have been told to try again."""
        try:
            return self.load()
        except Exception as error:
            if not self._closed:
                _log.error("not loaded", model=self.tag, problem=str(error))
            raise

    async def _load_apart(self) -> L:
        coming = self._coming.future()
        if self._rests and self._settings.on_unloaded == "refuse":
            raise ModelNotReady(f"{self.tag} is being loaded; try again shortly")
        seconds = self._settings.load_timeout
        limit = asyncio.timeout(seconds or None)
        try:
            async with limit:
                return await asyncio.wrap_future(coming)
        except TimeoutError:
            if not limit.expired():
                raise
            raise ModelNotReady(f"{self.tag} did not load within {seconds:g} s") from None

    def _submit(self, engine: Engine, request: Request) -> None:
        if engine.too_late(request) or not engine.submit(request):
            self.statistics.count(Fate.REFUSED)
            raise QueueFull(
                f"{engine.waiting} items wait for {self.name} already; try again shortly"
            )


async def in_time(work: Awaitable[T], timeout: float | None) -> T:
    """Await what is asked, and give up after `timeout` seconds.

    Raises:
        DeadlineExceeded: they have passed.
    """
    if timeout is None:
        return await work
    try:
        async with asyncio.timeout(timeout):
            return await work
    except TimeoutError:
        raise late(timeout) from None


def late(seconds: float | None) -> DeadlineExceeded:
    """Make the error of a caller who has waited so many seconds."""
    return DeadlineExceeded(f"no answer within {seconds:g} s")


def _raised(outcome: Any) -> Any:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
