"""Whether each call ended as it may: in time, and right or with a failure that is explained."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from learnwire_client import CallError

from tests.control import same

from .models import Oracle

# How long after its deadline a call may end.
GRACE = 1.0
OK, HUNG = "OK", "never ended"
_REFUSED = "RESOURCE_EXHAUSTED"
_MOST_TOLD = 20


@dataclass
class Call:
    """A call under way, or ended.

    Attributes:
        kind: what kind it is of.
        places: which of the oracle's items it asks for; none for an endpoint.
        seconds: its deadline.
        is_proxied: whether it goes through the proxy.
        announced: which version answers all calls that begin when it does; None: any of them.
        begun: when, on the monotonic clock.
        outcomes: how many of its items have an answer or a status.
        code: how it ended, "" where it has not.
        message: what its error said.
        ended: when.
    """

    kind: str
    places: Sequence[int]
    seconds: float
    is_proxied: bool
    announced: str | None
    begun: float = field(default_factory=time.monotonic)
    outcomes: int = 0
    code: str = ""
    message: str = ""
    ended: float = 0.0


@dataclass
class Window:
    """The time in which a fault may be felt.

    Attributes:
        fault: its name.
        codes: how calls may fail because of it.
        is_of_proxy: whether only those are hit that go through the proxy.
        begun: when it began, on the monotonic clock.
        lifted: when it was over.
        normal: from when on no call failed any more, and all workers served.
    """

    fault: str
    codes: frozenset[str]
    is_of_proxy: bool = False
    begun: float = field(default_factory=time.monotonic)
    lifted: float = float("inf")
    normal: float = float("inf")

    def explains(self, call: Call) -> bool:
        """Tell whether a call may have failed because of it."""
        is_hit = call.is_proxied or not self.is_of_proxy
        overlaps = call.begun <= self.normal and call.ended >= self.begun
        return is_hit and overlaps and call.code in self.codes


class Checker:
    """Looks at each call as it ends; for one event loop.

    Args:
        oracle: what is right.

    Attributes:
        announced: which version answers calls that begin now; None: any of them.
        windows: the faults so far.
        failed: calls that failed; those that were refused, since there were too many, did not.
        wrong: answers that are not the oracle's.
        hung: calls that ended later than their deadline and the grace.
        lost: calls or items without a status.
        ended: how many calls ended, by kind and code.
        slowest: by how many seconds a call went beyond its deadline.
    """

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self.announced: str | None = None
        self.windows: list[Window] = []
        self.failed: list[Call] = []
        self.wrong, self.hung, self.lost = list[str](), list[str](), list[str]()
        self.ended: Counter[tuple[str, str]] = Counter()
        self.slowest = 0.0
        self._open: dict[int, Call] = {}

    def begin(self, kind: str, places: Sequence[int], seconds: float, *, is_proxied: bool) -> Call:
        """Note that a call begins."""
        call = Call(kind, places, seconds, is_proxied, self.announced)
        self._open[id(call)] = call
        return call

    def take(self, call: Call, answer: Any) -> None:
        """Look at the next answer of a call, in the order of its items."""
        if call.outcomes >= len(call.places):
            self.wrong.append(f"{call.kind}: more answers than items")
            return
        place = call.places[call.outcomes]
        call.outcomes += 1
        if isinstance(answer, CallError):
            if not call.code:
                call.code, call.message = answer.code.name, answer.message
            return
        expected = self._oracle.probabilities.get(answer.version)
        if expected is None:
            self.wrong.append(f"{call.kind}: there is no version {answer.version}")
        elif not _agree(answer, expected[place]):
            self.wrong.append(f"{call.kind}: {answer!r} for {expected[place]}")
        elif call.announced == self.announced and call.announced not in (None, answer.version):
            self.wrong.append(f"{call.kind}: {answer.version} answered after {call.announced}")

    def compare(self, call: Call, answer: Any, expected: Any) -> None:
        """Look at the answer of an endpoint."""
        if not same(answer, expected):
            self.wrong.append(f"{call.kind}: {answer} for {expected}")

    def end(self, call: Call, code: str = OK, message: str = "") -> None:
        """Note how a call ended: as the first of its items that failed, where all else is well."""
        call.ended = time.monotonic()
        if code != OK or not call.code:
            call.code, call.message = code, message
        del self._open[id(call)]
        self.ended[call.kind, call.code] += 1
        late = call.ended - call.begun - call.seconds
        self.slowest = max(self.slowest, late)
        if late > GRACE or call.code == HUNG:
            self.hung.append(f"{call.kind}: {call.code}, {late:.1f} s after its deadline")
        if code == OK and call.outcomes < len(call.places):
            missing = len(call.places) - call.outcomes
            self.lost.append(f"{call.kind}: OK, and {missing} of its items have no status")
        if call.code not in (OK, _REFUSED):
            self.failed.append(call)

    def finish(self) -> None:
        """Note which calls have never ended."""
        for call in self._open.values():
            self.lost.append(f"{call.kind}: begun, and without a status")

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return self.ended.total() + len(self._open)

    def under(self, window: Window) -> Counter[str]:
        """Tell how the calls ended that failed because of a fault."""
        return Counter(call.code for call in self.failed if window.explains(call))

    @property
    def refused(self) -> int:
        """How many calls were refused, since there were too many."""
        return sum(count for (_, code), count in self.ended.items() if code == _REFUSED)

    @property
    def unexplained(self) -> list[Call]:
        """The calls that failed, and no fault was on that explains it."""
        return [one for one in self.failed if not any(w.explains(one) for w in self.windows)]

    @property
    def faults(self) -> list[str]:
        """All that must not be, in words; not every one of many."""
        unexplained = [f"{one.kind}: {one.code}: {one.message}" for one in self.unexplained]
        found = {
            "wrong": self.wrong,
            "hung": self.hung,
            "lost": self.lost,
            "unexplained": unexplained,
        }
        return [f"{name}: {one}" for name, some in found.items() for one in some[:_MOST_TOLD]]


def _agree(answer: Any, expected: Any) -> bool:
    return answer.index == int(np.argmax(expected)) and same(answer.probabilities, expected)
