"""What became of the calls of an endpoint since the server started."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ...observe.counters import SECONDS, Counters
from ...observe.distribution import Distribution

_SINCE = "counting_since_timestamp_seconds"


class CallFate(StrEnum):
    """What became of a call."""

    ANSWERED = "answered"
    FAILED = "failed"
    INVALID = "invalid"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class CallTally:
    """What an endpoint's statistics said when they were read.

    Attributes:
        since: when the counting began.
        calls: how many calls met each fate.
        in_flight: how many were being answered.
        seconds: from a call's arrival to its answer.
    """

    since: datetime
    calls: Mapping[CallFate, int]
    in_flight: int
    seconds: Distribution


class EndpointStatistics:
    """Counts of one endpoint's calls, for any thread to add to and to read.

    Args:
        endpoint: its name.
    """

    def __init__(self, endpoint: str) -> None:
        self._counters = counters = Counters("learnwire_endpoint", {"endpoint": endpoint})
        self._calls = counters.counts("calls", "Calls, by what became of them.", CallFate)
        self._in_flight = counters.gauge(
            "calls_in_flight", "Calls that are being answered.", "livesum"
        )
        self._in_flight.set(0)
        self._seconds = counters.histogram(
            "call_duration_seconds", "How long answered calls took.", SECONDS
        )
        since = counters.gauge(_SINCE, "When counting began, as Unix time.", "min")
        since.set(time.time())

    def begin(self) -> None:
        """Count a call that is being answered from now on."""
        self._in_flight.inc()

    def end(self, fate: CallFate, seconds: float) -> None:
        """Count it as over, after these seconds."""
        self._in_flight.dec()
        self._calls[fate].inc()
        if fate is CallFate.ANSWERED:
            self._seconds.observe(seconds)

    def refuse(self) -> None:
        """Count a call that was refused because too many are being answered."""
        self._calls[CallFate.REFUSED].inc()

    def read(self) -> CallTally:
        """Tell what was counted, by all workers together."""
        counts = self._counters.read()
        return CallTally(
            since=datetime.fromtimestamp(counts.value(_SINCE), UTC),
            calls={CallFate(fate): count for fate, count in counts.fates("calls").items()},
            in_flight=int(counts.value("calls_in_flight")),
            seconds=counts.distribution("call_duration_seconds"),
        )
