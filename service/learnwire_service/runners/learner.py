"""The runner of a Learner: one model, loaded when it is first asked."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

from learnwire_client.prediction import Prediction, Predictions
from learnwire_client.rows import is_row, nan_as_none
from learnwire_client.tables import is_table

from ..common.deadline import Deadline
from ..common.habits import RUNNER, told
from ..common.limits import Limits
from ..common.logs import get_logger
from ..common.settings import ServerSettings
from ..observe.drift import Drift
from ..observe.gauges import DriftGauges
from ..observe.watch import Watch
from ..queue.engine import Engine
from ..queue.jobs import NO_DEADLINE, Job, ask_and_wait, ask_columns_and_wait
from ..queue.processing import Processor
from ..queue.request import Reply, Request, Results
from ..sealed.plan import Choice, ColumnPlan
from ..signature.answers import Outcome, Outcomes, joined
from ..signature.columns import Columns
from ..signature.frames import aligned, slices_of
from ..signature.specs import TabularInput
from ..signature.training import Training
from ..store.manifest import Manifest
from .queued import QueuedRunner, in_time, late

if TYPE_CHECKING:
    import pandas as pd

# What can be iterated and is one thing all the same.
_NO_COLLECTIONS = (str, bytes, bytearray, memoryview, Mapping, Prediction, Predictions)

_log = get_logger()


@dataclass(frozen=True)
class _Loaded:
    choice: Choice
    engine: Engine
    processor: Processor


class LearnerRunner(QueuedRunner[_Loaded]):
    """Predicts with one model, in this process.

    Usage: `label, index, probabilities = get("penguins").to_runner().predict.run(row)`

    Items that are waiting at the same time are predicted in one batch.

    Args:
        manifest: what is known of the model.
        load: loads it, by the settings that it is given.
        training: tells what training looked like, to tell drift by; None: nobody knows.
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
        load: Callable[[ServerSettings], Choice],
        training: Callable[[], Training] | None = None,
        *,
        max_text_chars: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(manifest.name, manifest.version)
        self.manifest = manifest
        self.predict = Method(self)
        self._choose = load
        self._training = training or partial(Training.unknown, manifest.signature, "nobody knows")
        self._watch: Watch | None = None
        self._max_text_chars = max_text_chars
        self._limits = limits

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Tell what became of BentoML's names."""
            if name in RUNNER:
                raise AttributeError(
                    told(f"the runner of {self.tag} has no {name}: {RUNNER[name]}")
                )
            raise AttributeError(f"the runner of {self.tag} has no {name}; ask its predict")

    @property
    def choice(self) -> Choice | None:
        """The plan that serves, and why; None before the model has been loaded."""
        return self._loaded.choice if self._loaded else None

    @property
    def takes_columns(self) -> bool:
        """Whether rows as columns are predicted together; False before it has been loaded."""
        return self._loaded is not None and self._column_spec(self._loaded) is not None

    def drift(self) -> Drift | None:
        """Tell how what it is asked and answers differ from training; None before it is loaded."""
        return Drift.of(self._watch) if self._watch and self.is_ready else None

    def _leave(self) -> None:
        super()._leave()
        # What it counted for drift.
        if self._watch is not None:
            self._watch.forget()
            self._gauges.forget()
            self._watch = None

    def ask_many(
        self, values: Iterable[object] | Columns, deadline: Deadline = NO_DEADLINE
    ) -> Outcomes:
        """Predict many items, or rows as columns, and wait for them; see Method.run_batch.

        Raises:
            TimeoutError: the deadline passed before all were answered.
        """
        loaded = self._at_hand() or self.load()
        engine, processor = loaded.engine, loaded.processor
        if not isinstance(values, Columns):
            return ask_and_wait(engine, processor, values, deadline)
        if (spec := self._column_spec(loaded)) is not None:
            return ask_columns_and_wait(engine, processor, spec, values, deadline)
        return ask_and_wait(engine, processor, map(values.row, range(len(values))), deadline)

    async def ask_many_async(self, values: Iterable[object] | Columns) -> Outcomes:
        """Predict many items, or rows as columns; see Method.async_run_batch."""
        loaded = self._at_hand() or await self._load_apart()
        job = Job(loaded.engine, loaded.processor)
        if not isinstance(values, Columns):
            return await job.ask(values)
        if (spec := self._column_spec(loaded)) is not None:
            return await job.ask_columns(spec, values)
        return await job.ask(map(values.row, range(len(values))))

    def _column_spec(self, loaded: _Loaded) -> TabularInput | None:
        """Give what rows as columns must be, where the plan takes such."""
        spec = self.manifest.signature.input
        if isinstance(loaded.choice.plan, ColumnPlan) and isinstance(spec, TabularInput):
            return spec
        return None

    def _load(self, settings: ServerSettings) -> _Loaded:
        if settings.device == "cuda" or settings.precision != "fp32":
            _log.info(
                f"{self.tag} stays on the cpu in fp32, as Learners do; save_torch_model serves "
                "the bare module on a GPU or in fewer bits"
            )
        choice = self._choose(settings)
        self.state.proven(
            sealed=self.manifest.is_sealed,
            replayed=self.manifest.verified and choice.agrees,
            bit_identical=choice.varies == "",
        )
        limits = self._limits or settings.limits
        engine = Engine(
            self.name,
            choice.plan,
            limits,
            self.statistics,
            quick=choice.quick,
            timeout=settings.model_timeout,
        )
        max_text_chars = self._max_text_chars or settings.max_text_chars
        bounds = replace(settings.bounds, max_text_chars=max_text_chars)
        # One that was unloaded goes on from what it has seen.
        kept = self._watch if self._rests else None
        self._watch = watch = kept or self._watch_of(self._training())
        processor = Processor(self.manifest, choice.plan, self.statistics, watch, bounds)
        return _Loaded(choice, engine, processor)

    def import_shared(self) -> None:
        """Import ONNX Runtime, or fastai."""
        with suppress(ModuleNotFoundError):  # which is told when it is loaded
            if self.manifest.is_sealed:
                from ..sealed import loading  # noqa: F401
            else:
                from ..learners.training_libraries import import_fastai

                import_fastai()

    def _watch_of(self, training: Training) -> Watch:
        self._gauges = gauges = DriftGauges(self.manifest.name, self.manifest.version, training)

        def show(watch: Watch) -> None:
            gauges.show(Drift.of(watch))

        return Watch(self.tag, self.manifest.signature, training, show)

    def _request(self, loaded: _Loaded, value: object, reply: Reply, deadline: float) -> Request:
        return loaded.processor.request(value, reply, deadline)

    def _outcome(self, loaded: _Loaded, request: Request, results: Results) -> Outcome:
        return loaded.processor.outcome(request, results)


class Method:
    """A method of a runner: for one item or many, waiting or not.

    An item is a str for a text, a Mapping or pandas Series for a row, an ndarray, tensor or
    list for an array, also a Path, bytes or PIL image for an image, a tuple of these for several
    arrays; NaN in a row is null. An answer is a NamedTuple (label, index, probabilities).
    Errors are InvalidInput where the item does not fit the model, QueueFull where too many
    wait, DeadlineExceeded, ModelFailed where the Learner raised, and
    RunnerClosed.
    """

    def __init__(self, runner: LearnerRunner, timeout: float | None = None) -> None:
        self._runner = runner
        self._timeout = timeout

    def within(self, seconds: float) -> "Method":
        """Give the same method, whose calls are given up after so many seconds.

        Usage: `runner.predict.within(0.5).run(row)`
        """
        return Method(self._runner, seconds)

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Tell what to write instead; a runner has two ways to be asked."""
        raise TypeError(
            "write predict.run(value), or in a coroutine await predict.async_run(value)"
        )

    def run(self, value: object, *, timeout: float | None = None) -> Any:
        """Predict and wait, `timeout` seconds at most; also inside a running event loop.

        Returns: a prediction; for a DataFrame, also of one row, Predictions: aligned arrays.

        Usage: `labels, indices, probabilities = runner.predict.run(frame)`
        """
        timeout = self._timeout if timeout is None else timeout
        if not self._takes_rows_of(value):
            return self._runner.ask(nan_as_none(value), timeout)
        parts = self._answered(slices_of(value), timeout)
        return aligned(self._runner.manifest.signature.output, joined(parts))

    async def async_run(self, value: object, *, timeout: float | None = None) -> Any:
        """Predict as `run` does, without blocking the event loop.

        Where too many items wait it waits for its place. Cancelling it before its turn saves
        the work.
        """
        timeout = self._timeout if timeout is None else timeout
        if not self._takes_rows_of(value):
            return await self._runner.ask_in_time(nan_as_none(value), timeout)
        outcomes = await in_time(self._ask_frame(value), timeout)
        return aligned(self._runner.manifest.signature.output, outcomes)

    def run_batch(self, values: "Iterable[object] | pd.DataFrame") -> list[Outcome]:
        """Predict many items, or the rows of a DataFrame: an outcome for each, in their order.

        One that fails has its error in its place, not raised. They let the single items of
        others go first, and wait while too many others wait.

        Usage: `answers = runner.predict.run_batch(rows)`

        Raises:
            TypeError: this is one item, or none.
            InvalidInput: a column of the frame has no name as str, or one that stands twice.
        """
        if self._takes_rows_of(values):
            return list(joined(self._answered(slices_of(values), self._timeout)))
        items = map(nan_as_none, self._several(values))
        return list(joined(self._answered([items], self._timeout)))

    async def async_run_batch(self, values: "Iterable[object] | pd.DataFrame") -> list[Outcome]:
        """Predict many items; errors as `run_batch`, cancellation as `async_run`."""
        if self._takes_rows_of(values):
            return list(await in_time(self._ask_frame(values), self._timeout))
        items = map(nan_as_none, self._several(values))
        return list(await in_time(self._runner.ask_many_async(items), self._timeout))

    def _answered(
        self, parts: "Iterable[Iterable[object] | Columns]", timeout: float | None
    ) -> list[Outcomes]:
        deadline = Deadline(timeout)
        try:
            return [self._runner.ask_many(part, deadline) for part in parts]
        except TimeoutError:
            raise late(timeout) from None

    async def _ask_frame(self, frame: "pd.DataFrame") -> Outcomes:
        return joined([await self._runner.ask_many_async(part) for part in slices_of(frame)])

    def _takes_rows_of(self, value: object) -> "TypeGuard[pd.DataFrame]":
        """Tell a DataFrame for a model of rows from all else."""
        return is_table(value) and isinstance(self._runner.manifest.signature.input, TabularInput)

    def _several(self, values: object) -> Iterable[object]:
        """Refuse what is one item, or none: its parts would be taken for items."""
        spec = self._runner.manifest.signature.input
        if is_table(values):
            raise TypeError(
                "expected items, got a DataFrame, and the model takes no rows: give it "
                "the column that has them, as frame[...]"
            )
        is_one = isinstance(values, _NO_COLLECTIONS)
        is_one = is_one or (is_row(values) and isinstance(spec, TabularInput))
        if is_one or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
            raise TypeError(
                f"expected several items, got one {type(values).__name__}: put it in []"
            )
        return values
