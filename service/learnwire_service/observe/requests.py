"""What becomes of calls, by their methods and models."""

from collections.abc import Callable
from functools import cache, partial
from typing import TypeVar

from ..common.logs import get_logger
from .counters import SECONDS, Counter, Counters, Gauge, Histogram, Reading, memory_to_count_in
from .distribution import Distribution
from .memory import Memory

# Methods and models that are not served count as one, so that callers make no labels.
OTHER = "other"
# Whose calls are of a model, served or not.
_OF_MODELS = "/learnwire.v1.PredictionService/"
_CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"),
    *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"),
    *("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    "UNAUTHENTICATED",
)
_PREFIX, _SECONDS = "learnwire", "request_duration_seconds"
T = TypeVar("T")

_log = get_logger()

# These last as long as their callers like.
_STREAMS = "/PredictStream"


class Requests:
    """Counts the calls of a server, and how long they take."""

    def __init__(self) -> None:
        self._known = {OTHER}
        self._memory = memory_to_count_in()
        # What each call would otherwise look for; no more than there are methods and versions.
        self._in_flight = cache(partial(_with_room, self._memory, _in_flight))
        self._of_versions: dict[str | None, _OfVersion] = {}

    def know(self, method: str) -> None:
        """Count a method by its name; `begin` and `end` take others as one."""
        self._known.add(method)

    def begin(self, method: str) -> None:
        """Count a call that is being answered from now on."""
        self._in_flight(method if method in self._known else OTHER).inc()

    def end(self, method: str, model: str | None, code: str, seconds: float) -> None:
        """Count it as over.

        Args:
            method: as `begin` was told.
            model: the tag of the model that it was of; None where it was of none that is served.
            code: what the caller saw.
            seconds: how long it took.
        """
        method = method if method in self._known else OTHER
        self._in_flight(method).dec()
        if (own := self._of_versions.get(model)) is None:
            memory = memory_to_count_in(model) if model else self._memory
            own = self._of_versions[model] = _OfVersion(memory, model)
        codes, duration = own.ended(method)
        codes[code].inc()
        duration.observe(seconds)

    def forget(self, model: str) -> None:
        """Give up what was counted of a version, by its tag."""
        self._of_versions.pop(model, None)

    def durations(self, reading: Reading | None = None) -> dict[str, Distribution]:
        """Tell how long calls of each model took, by its tag; of all processes, but no streams."""
        memories = [one.memory for one in list(self._of_versions.values())]
        found: dict[str, list[float]] = {}
        alone = (record for memory in {*memories} for record in memory.read())
        for series, numbers in reading or Reading.shared() or Reading(alone):
            labels = series.labels
            if series.name != f"{_PREFIX}_{_SECONDS}" or labels["method"].endswith(_STREAMS):
                continue
            tag = f"{labels['model']}:{labels['version']}"
            before = found.get(tag, [0.0] * len(numbers))
            found[tag] = [a + b for a, b in zip(before, numbers, strict=True)]
        return {tag: Distribution.of_numbers(SECONDS, numbers) for tag, numbers in found.items()}


class _OfVersion:
    """What is counted of the calls of a version, or of no model that is served."""

    def __init__(self, memory: Memory, tag: str | None) -> None:
        self.memory = memory
        self.ended = cache(partial(_with_room, memory, partial(_ended, tag)))


def _with_room(memory: Memory, make: Callable[[Memory, str], T], method: str) -> T:
    """Make what counts calls of a method; on a full disk they are answered all the same."""
    try:
        return make(memory, method)
    except OSError as error:
        _log.error("calls are not counted", method=method, problem=str(error))
        return make(Memory(None), method)


def _in_flight(memory: Memory, method: str) -> Gauge:
    counters = Counters(_PREFIX, {"method": method}, memory)
    return counters.gauge("requests_in_flight", "Calls that are being answered.", "livesum")


def _ended(tag: str | None, memory: Memory, method: str) -> tuple[dict[str, Counter], Histogram]:
    if tag is None:
        tag = OTHER if method.startswith(_OF_MODELS) else ""
    model, _, version = tag.partition(":")
    labels = {"method": method, "model": model, "version": version}
    counters = Counters(_PREFIX, labels, memory)
    return (
        counters.counts("requests", "Calls, by the code that their callers saw.", _CODES, "code"),
        counters.histogram(_SECONDS, "How long calls took.", SECONDS),
    )
