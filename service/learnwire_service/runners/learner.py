"""The runner of a Learner: one model, loaded when it is first asked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from learnwire_client.prediction import AnyPrediction

from ..answers import Outcome, Outcomes
from ..batching import Limits
from ..columns import Columns
from ..engine import Engine
from ..jobs import Job, ask_and_wait
from ..learners.plan import ColumnPlan
from ..logs import get_logger
from ..processing import Processor
from ..request import Reply, Request, Results
from ..settings import ServerSettings
from ..signature import TabularInput
from ..store.manifest import Manifest
from .queued import QueuedRunner

if TYPE_CHECKING:
    from ..learners.choice import Choice

_log = get_logger()


@dataclass(frozen=True)
class _Loaded:
    choice: "Choice"
    engine: Engine
    processor: Processor


class LearnerRunner(QueuedRunner[_Loaded]):
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
        tag: the full tag.
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
        super().__init__(manifest.name, manifest.version)
        self.manifest = manifest
        self.predict = Method(self)
        self._choose = load
        self._max_text_chars = max_text_chars
        self._limits = limits

    @property
    def choice(self) -> "Choice | None":
        """The plan that serves, and why; None before the model has been loaded."""
        return self._loaded.choice if self._loaded else None

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

    def _load(self, settings: ServerSettings) -> _Loaded:
        if settings.device == "cuda" or settings.precision != "fp32":
            _log.info(
                f"{self.tag} stays on the cpu in fp32, as Learners do; save_torch_model serves "
                "the bare module on a GPU or in fewer bits"
            )
        choice = self._choose(settings)
        limits = self._limits or settings.limits
        engine = Engine(self.name, choice.plan, limits, self.statistics, quick=choice.quick)
        max_text_chars = self._max_text_chars or settings.max_text_chars
        bounds = replace(settings.bounds, max_text_chars=max_text_chars)
        processor = Processor(self.manifest, choice.plan, self.statistics, bounds)
        return _Loaded(choice, engine, processor)

    def _request(self, loaded: _Loaded, value: object, reply: Reply, deadline: float) -> Request:
        return loaded.processor.request(value, reply, deadline)

    def _outcome(self, loaded: _Loaded, request: Request, results: Results) -> Outcome:
        return loaded.processor.outcome(request, results)


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
        answer: AnyPrediction = self._runner.ask(value, timeout)
        return answer

    async def async_run(self, value: object, *, timeout: float | None = None) -> AnyPrediction:
        """Predict without blocking the event loop; cancelling it before its turn saves the work."""
        answer: AnyPrediction = await self._runner.ask_in_time(value, timeout)
        return answer

    def run_batch(self, values: Iterable[object]) -> list[Outcome]:
        """Predict many items; one that fails has its error in its place, not raised.

        They let the single items of others go first, and wait while too many others wait.

        Usage: `answers = runner.predict.run_batch(rows)`
        """
        return self._runner.ask_many(values)

    async def async_run_batch(self, values: Sequence[object]) -> list[Outcome]:
        """Predict many items; errors as `run_batch`, cancellation as `async_run`."""
        return list(await self._runner.ask_many_async(values))
