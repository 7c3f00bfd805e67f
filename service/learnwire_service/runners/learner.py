"""The runner of a Learner: one model, loaded when it is first asked."""

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from learnwire_client.prediction import AnyPrediction

from ..answers import Outcome, Outcomes
from ..batching import Limits
from ..columns import Columns
from ..engine import Engine, clock
from ..errors import DeadlineExceeded, QueueFull, RunnerClosed
from ..jobs import Job, ask_and_wait
from ..learners.plan import ColumnPlan
from ..processing import Processor
from ..request import Request
from ..settings import ServerSettings
from ..signature import TabularInput
from ..statistics import Fate, Statistics
from ..store.manifest import Manifest

if TYPE_CHECKING:
    from ..learners.choice import Choice

# As a share of the timeout; gRPC sends it rounded up.
_CLOCKS_DIFFER = 0.01
# Not what the environment says: only a server asks it.
_DEFAULTS = ServerSettings.model_construct()


@dataclass(frozen=True)
class _Loaded:
    choice: "Choice"
    engine: Engine
    processor: Processor


class LearnerRunner:
    """Predicts with one model, in this process.

    Usage: `label, index, probabilities = get("penguins").to_runner().predict.run(row)`

    Items that are waiting at the same time are predicted in one batch.

    Args:
        manifest: what is known of the model.
        load: loads it, by the settings that it is given.
        max_text_chars: the longest text taken; None: as the settings say.
        limits: what bounds batches and queue; None: as the settings say.

    Attributes:
        manifest: what is known of the model.
        name: the name of the model.
        statistics: what its queue and its batches have been like.
        predict: the model's method.
    """

    def __init__(
        self,
        manifest: Manifest,
        load: "Callable[[ServerSettings], Choice]",
        *,
        max_text_chars: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.manifest = manifest
        self.name = manifest.name
        self.tag = str(manifest.tag)
        self.statistics = Statistics(manifest.name, manifest.version)
        self.predict = Method(self)
        self._load = load
        self._max_text_chars = max_text_chars
        self._limits = limits
        self._settings = _DEFAULTS
        self._loading = Lock()
        self._closed = False
        self._loaded: _Loaded | None = None

    def configure(self, settings: ServerSettings) -> None:
        """Take what a server sets where `to_runner` was told nothing; see BaseRunner."""
        with self._loading:
            self._settings = settings
            if self._closed:
                self._closed, self._loaded = False, None
                self.statistics = Statistics(self.manifest.name, self.manifest.version)

    def load(self) -> _Loaded:
        """Load the model now rather than when it is first asked; errors as `Model.load`."""
        with self._loading:
            if self._closed:
                raise RunnerClosed(f"the runner of {self.tag} has been closed")
            if self._loaded is None:
                settings = self._settings
                choice = self._load(settings)
                engine = Engine(
                    self.manifest.name,
                    choice.plan,
                    self._limits or settings.limits,
                    self.statistics,
                    quick=choice.quick,
                )
                processor = Processor(
                    self.manifest,
                    choice.plan,
                    self.statistics,
                    max_text_chars=self._max_text_chars or settings.max_text_chars,
                )
                self._loaded = _Loaded(choice, engine, processor)
                if self._closed:  # while it was loaded
                    engine.close(wait=False)
            return self._loaded

    @property
    def is_ready(self) -> bool:
        """Whether the model has been loaded and checked."""
        return self._loaded is not None

    @property
    def choice(self) -> "Choice | None":
        """The plan that serves, and why; None before the model has been loaded."""
        return self._loaded.choice if self._loaded else None

    def close(self, *, wait: bool = True) -> None:
        """Fail what has not begun, and let the threads end; wait for them unless told otherwise."""
        self._closed = True
        if self._loaded is not None:
            self._loaded.engine.close(wait=wait)

    def ask(self, value: object, timeout: float | None) -> AnyPrediction:
        """Predict one item and wait for it; see Method.run."""
        deadline = _deadline(timeout)
        loaded, reply = self._loaded or self.load(), Future[Outcomes]()
        request = loaded.processor.request(value, reply, deadline)
        self._submit(loaded.engine, request)
        try:
            outcomes = reply.result(None if timeout is None else max(0.0, deadline - clock()))
        except TimeoutError:
            loaded.engine.withdraw(request, Fate.EXPIRED)
            raise _late(timeout) from None
        return _raised(loaded.processor.outcome(request, outcomes))

    async def ask_async(
        self, value: object, timeout: float | None, *, patient: bool = False
    ) -> AnyPrediction:
        """Predict one item, if its batch begins within `timeout` seconds.

        Where too many items wait, a patient one waits for its place, another is refused.
        """
        deadline = _deadline(timeout)
        loaded = self._loaded or await self._load_apart()
        reply: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
        request = loaded.processor.request(value, reply, deadline)
        try:
            if patient:
                await loaded.engine.submit_patiently(request)
            else:
                self._submit(loaded.engine, request)
            outcomes = await reply
        except asyncio.CancelledError:
            # Whoever set the deadline cancels when it has passed, on a clock of his own.
            late = clock() >= deadline - _CLOCKS_DIFFER * (timeout or 0.0)
            fate = Fate.EXPIRED if late else Fate.CANCELLED
            loaded.engine.withdraw(request, fate)
            raise
        return _raised(loaded.processor.outcome(request, outcomes))

    def ask_many(self, values: Iterable[object]) -> list[Outcome]:
        """Predict many items and wait for them; see Method.run_batch."""
        loaded = self._loaded or self.load()
        return ask_and_wait(loaded.engine, loaded.processor, values)

    async def ask_many_async(self, values: Sequence[object] | Columns) -> Outcomes:
        """Predict many items, or rows as columns; see Method.async_run_batch."""
        loaded = self._loaded or await self._load_apart()
        job = Job(loaded.engine, loaded.processor)
        if not isinstance(values, Columns):
            return await job.ask(values)
        spec = self.manifest.signature.input
        if isinstance(loaded.choice.plan, ColumnPlan) and isinstance(spec, TabularInput):
            return await job.ask_columns(spec, values)
        return await job.ask([values.row(i) for i in range(len(values))])

    async def _load_apart(self) -> _Loaded:
        return await asyncio.to_thread(self.load)

    def _submit(self, engine: Engine, request: Request) -> None:
        if not engine.submit(request):
            self.statistics.count(Fate.REFUSED)
            raise QueueFull(
                f"{engine.waiting} items wait for {self.manifest.name} already; try again shortly"
            )


class Method:
    """A method of a runner: for one item or many, waiting or not.

    An item is a str for a text, a Mapping or pandas Series for a row, an ndarray for an
    array, a tuple of them for several. An answer is a NamedTuple (label, index,
    probabilities). Errors are InvalidInput where the item does not fit the model, QueueFull
    where too many wait, DeadlineExceeded, ModelFailed where the Learner raised, and
    RunnerClosed.
    """

    def __init__(self, runner: LearnerRunner) -> None:
        self._runner = runner

    def run(self, value: object, *, timeout: float | None = None) -> AnyPrediction:
        """Predict and wait, `timeout` seconds at most; also inside a running event loop."""
        return self._runner.ask(value, timeout)

    async def async_run(self, value: object, *, timeout: float | None = None) -> AnyPrediction:
        """Predict without blocking the event loop; cancelling it before its turn saves the work."""
        if timeout is None:
            return await self._runner.ask_async(value, None)
        try:
            async with asyncio.timeout(timeout):
                return await self._runner.ask_async(value, timeout)
        except TimeoutError:
            raise _late(timeout) from None

    def run_batch(self, values: Iterable[object]) -> list[Outcome]:
        """Predict many items; one that fails has its error in its place, not raised.

        They let the single items of others go first, and wait while too many others wait.

        Usage: `answers = runner.predict.run_batch(rows)`
        """
        return self._runner.ask_many(values)

    async def async_run_batch(self, values: Sequence[object]) -> list[Outcome]:
        """Predict many items; errors as `run_batch`, cancellation as `async_run`."""
        return list(await self._runner.ask_many_async(values))


def _deadline(timeout: float | None) -> float:
    return math.inf if timeout is None else clock() + timeout


def _late(timeout: float | None) -> DeadlineExceeded:
    return DeadlineExceeded(f"no answer within {timeout:g} s")


def _raised(outcome: Outcome) -> AnyPrediction:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
