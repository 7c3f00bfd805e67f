"""Before and after the engine: items checked on the way in, answers signed on the way out."""

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from learnwire_client.errors import Violation
from learnwire_client.prediction import Signature
from numpy.typing import NDArray

from ..common.bounds import Bounds
from ..common.errors import Asked, InvalidInput, LearnwireError, ModelFailed
from ..common.logs import get_logger
from ..observe.watch import Watch
from ..sealed.plan import ColumnPlan, Plan
from ..signature.agreement import is_finite
from ..signature.answers import Outcome, Outcomes, Stacked
from ..signature.columns import CheckedColumns, Columns, check_columns
from ..signature.pixels import pixels_of
from ..signature.specs import (
    ArrayInput,
    ArraysInput,
    InputSpec,
    MultiLabelOutput,
    RegressionOutput,
    SingleLabelOutput,
    TabularInput,
    TextInput,
)
from ..signature.validation import Item, check, extra_columns
from ..store.manifest import Manifest
from .batching import Priority
from .request import LARGE_BYTES, Reply, Request
from .statistics import Fate, Statistics

_log = get_logger()


class Processor:
    """Makes requests of the items of one model, and predictions of what becomes of them.

    Attributes:
        bounds: the most that an item may hold.
    """

    def __init__(
        self,
        manifest: Manifest,
        plan: Plan,
        statistics: Statistics,
        watch: Watch,
        bounds: Bounds,
    ) -> None:
        self._manifest = manifest
        self._plan = plan
        self._statistics = statistics
        self._watch = watch
        self.bounds = bounds

    def request(self, value: object, reply: Reply, deadline: float) -> Request:
        """Make the request of one interactive item.

        Raises:
            InvalidInput: the item does not fit the model.
        """
        with self._statistics.misfits():
            return self._request(value, reply, Priority.INTERACTIVE, deadline)

    def bulk_request(
        self, value: object, reply: Reply, *, is_new: bool = True
    ) -> Request | Exception:
        """Make the request of one of many items, or give the error that it is or makes.

        Args:
            value: the item, or the error.
            reply: awaits its outcome.
            is_new: whether it has not been watched yet.
        """
        if isinstance(value, Exception):
            return self._counted(value)
        try:
            return self._request(value, reply, Priority.BULK, math.inf, is_new=is_new)
        except LearnwireError as error:
            return self._counted(error)

    def column_warnings(self, spec: TabularInput, columns: Columns) -> tuple[str, ...]:
        """Give the warnings that many rows as columns earn together.

        Raises:
            InvalidInput: there are too many columns that are not the model's.
        """
        with self._statistics.misfits(columns.size):
            most = self.bounds.max_extra_columns
            return extra_columns(spec, columns.cells, "table.columns", most)

    def checked_columns(
        self, spec: TabularInput, columns: Columns
    ) -> tuple[CheckedColumns, NDArray[np.bool_], bool]:
        """Check rows as `check_columns` does, and tell whether they have been watched."""
        checked, fits = check_columns(spec, columns)
        is_watched = bool(checked.positions or checked.numbers)
        if is_watched:
            self._watch.saw_columns(columns, checked)
        return checked, fits, is_watched

    def column_request(
        self, columns: CheckedColumns, reply: Reply, warnings: tuple[str, ...]
    ) -> Request:
        """Make the one request of many rows; the plan takes columns."""
        assert isinstance(self._plan, ColumnPlan)  # noqa: S101 - see above
        return Request(
            size=columns.size,
            priority=Priority.BULK,
            encode=partial(self._plan.encode_columns, columns),
            reply=reply,
            warnings=warnings,
        )

    def _request(
        self,
        value: object,
        reply: Reply,
        priority: Priority,
        deadline: float,
        *,
        is_new: bool = True,
    ) -> Request:
        spec = self._manifest.signature.input
        try:
            checked = check(
                spec,
                value,
                max_text_chars=self.bounds.max_text_chars,
                max_extra_columns=self.bounds.max_extra_columns,
            )
        except InvalidInput as error:
            if is_new:
                self._watch.refused(value)
            error.asked = _asked(spec, value)
            raise
        if is_new:
            self._watch.saw(checked.item)

        def encode() -> Any:
            try:
                return self._encode(checked.item)
            except InvalidInput as error:
                error.asked = _asked(spec, value)
                raise

        return Request(
            priority=priority,
            deadline=deadline,
            encode=encode,
            reply=reply,
            warnings=checked.warnings,
            large=_bytes_of(checked.item) >= LARGE_BYTES,
        )

    def _encode(self, item: Item) -> Any:
        """Encode an item, within the bounds on what is made of it."""
        spec = self._manifest.signature.input
        is_image = isinstance(spec, ArrayInput) and spec.encoded
        if is_image and isinstance(item, np.ndarray):
            field = "array.shape" if item.ndim > 1 else "array.data"
            _check_size(field, "pixels", pixels_of(item), self.bounds.max_pixels, "--max-pixels")
        encoded = self._plan.encode(item)
        if self._plan.measured:
            self._watch.measured(self._plan.measures(encoded))
        noun = f"{'pixels' if is_image else 'numbers'} after the model's transforms"
        path = "array" if isinstance(spec, ArrayInput) else "arrays"
        size, most = self._plan.input_size(encoded), self.bounds.max_input_size
        _check_size(path, noun, size, most, "--max-input-size")
        return encoded

    def outcome(self, request: Request, outcomes: Outcomes) -> Outcome:
        """Sign what became of a request of one item."""
        return self._signed(outcomes[0], request.warnings)

    def outcomes(self, request: Request, outcomes: Outcomes) -> Outcomes:
        """Sign what became of a request of many items; columns of good answers stay columns."""
        if isinstance(outcomes, Stacked) and outcomes.is_finite:
            self._predicted(len(outcomes), request.warnings)
            self._watch.answered_all(outcomes)
            return replace(outcomes, signature=self._signature(request.warnings))
        return [self._signed(outcome, request.warnings) for outcome in outcomes]

    def _signed(self, outcome: Outcome, warnings: tuple[str, ...]) -> Outcome:
        if isinstance(outcome, LearnwireError):
            return self._counted(outcome)
        if isinstance(outcome, Exception):
            _log.error("the model failed", model=str(self._manifest.tag), exc_info=outcome)
            return self._failed("the model failed on this input", outcome)
        if not is_finite(outcome):
            return self._failed("the model's answer to this input is NaN or infinite")
        self._predicted(1, warnings)
        self._watch.answered(outcome)
        return outcome.signed_with(self._signature(warnings))

    def _predicted(self, items: int, warnings: tuple[str, ...]) -> None:
        self._statistics.count(Fate.PREDICTED, items)
        if warnings:
            self._statistics.warn(items)

    def _counted(self, error: Exception) -> Exception:
        self._statistics.count(Fate.INVALID, isinstance(error, InvalidInput))
        return error

    def _signature(self, warnings: tuple[str, ...]) -> Signature:
        return Signature(self._manifest.name, self._manifest.version, warnings, self._classes)

    def _failed(self, sentence: str, cause: Exception | None = None) -> ModelFailed:
        self._statistics.count(Fate.FAILED)
        failure = ModelFailed(sentence)
        failure.__cause__ = cause
        return failure

    def _classes(self) -> tuple[str, ...]:
        match self._manifest.signature.public.output:
            case SingleLabelOutput(classes=classes) | MultiLabelOutput(classes=classes):
                return classes
            case RegressionOutput(targets=targets):
                return targets
            case _:
                return ()


def _asked(spec: InputSpec, value: object) -> Asked:
    """Tell what a model is asked with, by how the paths of its faults begin."""
    match spec:
        case TextInput():
            return Asked({"text": value}, "text")
        case TabularInput():
            return Asked({"row": value}, "row")
        case ArrayInput():
            return Asked({"array": value}, "array")
        case ArraysInput():
            several = value if isinstance(value, tuple | list) else ()
            return Asked({f"arrays.arrays[{i}]": one for i, one in enumerate(several)}, "array")


def _check_size(field: str, noun: str, size: int, most: int, setting: str) -> None:
    if size > most:
        problem = f"expected at most {most} {noun}, got {size}"
        raise InvalidInput([Violation(field, f"{problem}; {setting} of the server says how many")])


def _bytes_of(item: Item) -> int:
    if isinstance(item, np.ndarray):
        return item.nbytes
    return sum(part.nbytes for part in item) if isinstance(item, tuple) else 0
