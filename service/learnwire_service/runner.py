"""The runner: one loaded model and the one thread that it predicts in."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from learnwire_client.prediction import AnyPrediction

from .errors import InvalidInput, ModelFailed
from .logs import get_logger
from .store.manifest import Manifest
from .validation import Checked, check

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

    def close(self) -> None:
        """Give up what has not begun, and let the thread end."""
        self._executor.shutdown(cancel_futures=True)

    def submit(self, value: object) -> Future[AnyPrediction]:
        """Queue one item; cancelling the future before its turn means that it never runs.

        Raises:
            InvalidInput: the item does not fit the model.
        """
        checked = check(self.manifest.signature.input, value, max_text_chars=self._max_text_chars)
        return self._executor.submit(self._predict, checked)

    def _loaded(self) -> "Plan":
        if self._plan is None:
            self._plan = self._load_plan()
        return self._plan

    def _predict(self, checked: Checked) -> AnyPrediction:
        plan = self._loaded()
        try:
            [prediction] = plan.predict([checked.item])
        except InvalidInput:
            raise
        except Exception as error:
            _log.exception("the model failed", model=str(self.manifest.tag))
            raise ModelFailed("the model failed on this input") from error
        return prediction.signed(self.manifest.name, self.manifest.version, checked.warnings)


class Method:
    """A method of a runner, in the two ways of calling it.

    Both take str for a text, a Mapping or pandas Series for a row, an ndarray for
    an array; both return a NamedTuple (label, index, probabilities), and raise
    InvalidInput where the item does not fit and ModelFailed where the Learner raised.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def run(self, value: object) -> AnyPrediction:
        """Predict and wait; also inside a running event loop, as in a notebook."""
        return self._runner.submit(value).result()

    async def async_run(self, value: object) -> AnyPrediction:
        """Predict without blocking the event loop; cancelling it before its turn saves the work."""
        return await asyncio.wrap_future(self._runner.submit(value))
