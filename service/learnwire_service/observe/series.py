"""A series: what is counted, and how the counts of several processes make one."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, Self

from .memory import Record

Kind = Literal["counter", "gauge", "histogram"]
# How gauges of several processes are put together: only of those that live, or of all. A number
# that is zero has not been set. Those of which the most recent counts also have when they were set.
Mode = Literal["livesum", "livemin", "livemax", "min", "max", "mostrecent"]


@dataclass(frozen=True)
class Series:
    """What is counted.

    Attributes:
        name: as Prometheus has it, but for the ends that it gives to kinds of them.
        meaning: in a few words.
        kind: a counter and a histogram are summed, whoever counted.
        labels: which thing it is.
        by: the label in which the numbers of a counter differ; "" where it has one number.
        keys: that label's values, a number each.
        ends: the upper ends of a histogram's buckets, without the infinite one. Its numbers are
            how many values there were in each, and their sum.
        mode: of a gauge.
    """

    name: str
    meaning: str
    kind: Kind
    labels: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
    keys: tuple[str, ...] = ("",)
    ends: tuple[float, ...] = ()
    mode: Mode = "livesum"

    @property
    def count(self) -> int:
        """How many numbers it has."""
        if self.kind == "histogram":
            return len(self.ends) + 2
        return 2 if self.mode == "mostrecent" else len(self.keys)

    def head(self) -> bytes:
        """Write it down; see `read`."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, head: bytes) -> Self:
        """Read what `head` wrote."""
        fields = json.loads(head)
        return cls(**{**fields, "keys": tuple(fields["keys"]), "ends": tuple(fields["ends"])})

    def sum(self, records: Sequence[Record]) -> list[float]:
        """Make the numbers of several processes into those of all; NaN where none says any."""
        if self.kind != "gauge":
            return [sum(numbers) for numbers in zip(*(one.numbers for one in records), strict=True)]
        if self.mode == "mostrecent":
            return [max(records, key=lambda one: one.numbers[1]).numbers[0]]
        known = [one for one in records if not math.isnan(one.numbers[0])]
        if not known:
            return [math.nan]
        live = self.mode.startswith("live")
        found = [one.numbers[0] for one in known if one.lives or not live]
        return [_OF_ALL[self.mode.removeprefix("live")](filter(None, found))]


def _least(values: Iterable[float]) -> float:
    return min(values, default=0.0)


def _most(values: Iterable[float]) -> float:
    return max(values, default=0.0)


_OF_ALL: Mapping[str, Callable[[Iterable[float]], float]] = {
    "sum": sum,
    "min": _least,
    "max": _most,
}
