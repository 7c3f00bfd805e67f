"""What becomes of calls, by their methods and models."""

from functools import cache

from .counters import SECONDS, Counter, Counters, Gauge, Histogram

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


class Requests:
    """Counts the calls of a server, and how long they take."""

    def __init__(self) -> None:
        self._known = {OTHER}
        # What each call would otherwise look for; no more than there are methods and versions.
        self._in_flight = cache(_in_flight)
        self._ended = cache(_ended)

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
        codes, duration = self._ended(method, model)
        codes[code].inc()
        duration.observe(seconds)


def _in_flight(method: str) -> Gauge:
    counters = Counters("learnwire", {"method": method})
    return counters.gauge("requests_in_flight", "Calls that are being answered.", "livesum")


def _ended(method: str, tag: str | None) -> tuple[dict[str, Counter], Histogram]:
    if tag is None:
        tag = OTHER if method.startswith(_OF_MODELS) else ""
    model, _, version = tag.partition(":")
    counters = Counters("learnwire", {"method": method, "model": model, "version": version})
    return (
        counters.counts("requests", "Calls, by the code that their callers saw.", _CODES, "code"),
        counters.histogram("request_duration_seconds", "How long calls took.", SECONDS),
    )
