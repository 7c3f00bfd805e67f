"""How a process says how it is, where others read it even while it does not answer."""

import math
from collections import defaultdict
from collections.abc import Iterator

from .counters import Counter, Counters, Gauge
from .memory import Record, read, read_of
from .series import Series

_WORKER, _BEAT = "learnwire_worker", "heartbeat_timestamp_seconds"
_HEARD = "When the most silent worker was last heard, as Unix time."
# Of a model, when it was asked what it has not answered; see Statistics.
ASKED_SINCE = "asked_since_timestamp_seconds"
_MODEL, _READY = "learnwire_model", "ready"


def beat() -> Gauge:
    """Give what a worker sets to the time, again and again."""
    return Counters(_WORKER, {}).gauge(_BEAT, _HEARD, "livemin")


def beat_of(folder: str, process: int) -> float:
    """Tell when a worker was last heard, by its own clock; 0 where it never was."""
    head = Series(f"{_WORKER}_{_BEAT}", _HEARD, "gauge", mode="livemin").head()
    return next((one.numbers[0] for one in read_of(folder, process) if one.head == head), 0.0)


def asked_of(folder: str, process: int) -> list[str]:
    """Name the models that a worker asks what they have not answered."""
    return sorted(
        Series.read(one.head).labels["model"]
        for one in read_of(folder, process)
        if ASKED_SINCE.encode() in one.head and one.numbers[0]
    )


class ModelState:
    """Says how a version is.

    Args:
        model: the model's name.
        version: its version.
    """

    def __init__(self, model: str, version: str) -> None:
        self._counters = Counters(_MODEL, {"model": model, "version": version})
        self._ready = self._counters.gauge(_READY, "Whether it can answer.", "livemax")
        self._facts: dict[str, Gauge] = {}

    def loaded(self, seconds: float) -> None:
        """Say that it can answer, and how long it took to load and prove it."""
        meaning = "How long it took to load and prove it, the slowest worker's."
        self._counters.gauge("load_seconds", meaning, "max").set(seconds)
        self._ready.set(1)

    def takes(self, memory: int) -> None:
        """Say that it is in memory, and how many bytes of it loading it took."""
        meaning = "What loading it took within the budget, in all workers; 0 while it is unloaded."
        gauge = self._facts["memory"] = self._counters.gauge("memory_bytes", meaning, "livesum")
        gauge.set(memory)

    def unloaded(self) -> None:
        """Say that it gave its memory to others; it is loaded again when it is called."""
        self.takes(0)
        meaning = "How often it was unloaded, for others to have its memory."
        self._counters.counter("unloads", meaning).inc()

    def proven(self, *, sealed: bool, replayed: bool, bit_identical: bool) -> None:
        """Say what is known of its answers.

        Args:
            sealed: whether the recipe answers, and not the Learner.
            replayed: whether it answered all golden examples as at save.
            bit_identical: whether no answer depends on who shares its batch.
        """
        for name, meaning, it_is in (
            ("sealed", "Whether its recipe answers, and not the Learner.", sealed),
            ("golden_replayed", "Whether it answered all golden examples as at save.", replayed),
            ("bit_identical", "Whether no answer depends on its company.", bit_identical),
        ):
            fact = self._facts[name] = self._counters.gauge(name, meaning, "livemax")
            fact.set(it_is)

    def gone(self) -> None:
        """Say that it is served no longer."""
        for gauge in (self._ready, *self._facts.values()):
            gauge.forget()


def load_failures(model: str) -> Counter:
    """Give what counts how often versions of a model could not be loaded while it served."""
    meaning = "Versions that could not be loaded while others were served."
    return Counters(_MODEL, {"model": model}).counter("load_failures", meaning)


def ready_models(folder: str) -> dict[str, bool]:
    """Tell of each model that is served whether a worker answers all its versions."""
    found = defaultdict[tuple[str, int], list[float]](list)
    for series, record in _living(folder, f"{_MODEL}_{_READY}"):
        found[series.labels["model"], record.process].append(record.numbers[0])
    return {
        model: any(all(numbers) for (name, _), numbers in found.items() if name == model)
        for model, _ in found
    }


def _living(folder: str, name: str) -> Iterator[tuple[Series, Record]]:
    for record in read(folder):
        series = Series.read(record.head)
        if record.lives and series.name == name and not math.isnan(record.numbers[0]):
            yield series, record
