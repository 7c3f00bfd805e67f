"""The runner: one loaded model and the one thread that it predicts in."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from learnwire_client.prediction import AnyPrediction

from .agreement import is_finite
from .errors import InvalidInput, ModelFailed
from .logs import get_logger
from .signature import MultiLabelOutput, SingleLabelOutput
from .store.manifest import Manifest
from .validation import Checked, Outcome, check

if TYPE_CHECKING:
    from .learners.plan import Plan

_log = get_logger()


class Runner:
    """Predicts with one model, in this process, from any thread or event loop.

    Usage: `label, index, probabilities = get("penguins").to_runner().predict.run(row)`

    A Learner keeps state while it predicts, so all predictions pass through one
    thread of the runner's own.
    """

    def __init__(
        self, manifest: Manifest, load: "Callable[[], Plan]", *, max_text_chars: int
    ) -> None:
        self.manifest = manifest
        self._load_plan = load
        self._plan: Plan | None = None
        self._max_text_chars = max_text_chars
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"runner-{manifest.name}")
        self.predict = Method(self)

    def load(self) -> None:
        """Load the model now rather than when it is first asked; errors as `Model.load`."""
        self._executor.submit(self._loaded).result()

    @property
    def is_ready(self) -> bool:
        """Whether the model has been loaded and checked."""
        return self._plan is not None

    @property
    def batch_items(self) -> int:
        """How many items of a long job are best submitted at once, so that others get a turn."""
        return 1 if self._plan is None else self._plan.batch_items

    def close(self, *, wait: bool = True) -> None:
        """Give up what has not begun, and let the thread end; wait for it unless told otherwise."""
        self._executor.shutdown(wait=wait, cancel_futures=True)

    def submit(self, values: Sequence[object]) -> Future[list[Outcome]]:
        """Queue a batch; cancelling the future before its turn means that it never runs.

        Args:
            values: the items; one that is an exception already is its own outcome.

        Returns: for each item in order its prediction, InvalidInput or ModelFailed.
        """
        checked = [self._checked(value) for value in values]
        if any(isinstance(one, Checked) for one in checked):
            return self._executor.submit(self._predict, checked)
        refused: Future[list[Outcome]] = Future()
        refused.set_result([one for one in checked if isinstance(one, Exception)])
        return refused

    def _checked(self, value: object) -> Checked | Exception:
        if isinstance(value, Exception):
            return value
        spec = self.manifest.signature.input
        try:
            return check(spec, value, max_text_chars=self._max_text_chars)
        except InvalidInput as error:
            return error

    def _loaded(self) -> "Plan":
        if self._plan is None:
            self._plan = self._load_plan()
        return self._plan

    def _predict(self, checked: Sequence[Checked | Exception]) -> list[Outcome]:
        items = [one.item for one in checked if isinstance(one, Checked)]
        answers = iter(self._loaded().predict(items))
        return [
            self._finished(next(answers), one.warnings) if isinstance(one, Checked) else one
            for one in checked
        ]

    def _finished(self, answer: Outcome, warnings: tuple[str, ...]) -> Outcome:
        """Sign an answer; what the model raised is logged and becomes a fixed sentence."""
        if isinstance(answer, InvalidInput):
            return answer
        if isinstance(answer, Exception):
            _log.error("the model failed", model=str(self.manifest.tag), exc_info=answer)
            failure = ModelFailed("the model failed on this input")
            failure.__cause__ = answer
            return failure
        if not is_finite(answer):
            return ModelFailed("the model's answer to this input is NaN or infinite")
        manifest = self.manifest
        return answer.signed(manifest.name, manifest.version, warnings, self._classes)

    def _classes(self) -> tuple[str, ...]:
        match self.manifest.signature.output:
            case SingleLabelOutput(classes=classes) | MultiLabelOutput(classes=classes):
                return classes
            case _:
                return ()


class Method:
    """A method of a runner: for one item or many, waiting or not.

    An item is a str for a text, a Mapping or pandas Series for a row, an ndarray for an
    array, a tuple of them for several. An answer is a NamedTuple (label, index,
    probabilities), an error InvalidInput where the item does not fit the model and ModelFailed
    where the Learner raised.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def run(self, value: object) -> AnyPrediction:
        """Predict and wait; also inside a running event loop, as in a notebook."""
        [outcome] = self._runner.submit([value]).result()
        return _raised(outcome)

    async def async_run(self, value: object) -> AnyPrediction:
        """Predict without blocking the event loop; cancelling it before its turn saves the work."""
        [outcome] = await self.async_run_batch([value])
        return _raised(outcome)

    def run_batch(self, values: Iterable[object]) -> list[Outcome]:
        """Predict many items; one that fails has its error in its place, not raised.

        Usage: `answers = runner.predict.run_batch(rows)`
        """
        rest = iter(values)
        outcomes: list[Outcome] = []
        while batch := list(islice(rest, self._runner.batch_items)):
            outcomes += self._runner.submit(batch).result()
        return outcomes

    async def async_run_batch(self, values: Sequence[object]) -> list[Outcome]:
        """Predict one batch of items; errors as `run_batch`, cancellation as `async_run`."""
        return await asyncio.wrap_future(self._runner.submit(values))


def _raised(outcome: Outcome) -> AnyPrediction:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
