"""The targets, and whether they are met."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import truediv
from typing import Literal

from .contest import BARE, BULK, LEARNWIRE, LOOP, NOOP, PREDICT, batch_of, in_flight
from .figures import Figures, Spread
from .memory import ROWS, Growth
from .models import PENGUINS, RESNET, TEXT, Model

Unit = Literal["x", "ms", "MB"]

_ONE = in_flight(1)
_MANY = in_flight(16)


@dataclass(frozen=True)
class Verdict:
    """One target beside what was measured.

    Attributes:
        what: what was measured.
        against: what it was compared with.
        bound: the target.
        at_least: whether more is better.
        unit: the unit of the bound and of the figure.
        figure: what came out.
        complete: whether all of the work was done.
    """

    what: str
    against: str
    bound: float
    at_least: bool
    unit: Unit
    figure: Spread
    complete: bool = True

    @property
    def met(self) -> bool:
        """Whether the median meets the target."""
        value = self.figure.median
        reached = value >= self.bound if self.at_least else value <= self.bound
        return reached and self.complete


def judge(figures: Figures, growth: Growth) -> list[Verdict]:
    """Hold the figures against the targets."""
    return [
        *_judge_penguins(figures),
        *_judge_text(figures),
        _best_bare(figures, RESNET, 0.8),
        _overhead(figures),
        *_judge_memory(growth),
    ]


def _judge_penguins(figures: Figures) -> Iterator[Verdict]:
    unary = figures.rates(PENGUINS, LEARNWIRE, _MANY)
    bulk = figures.rates(PENGUINS, LEARNWIRE, BULK)
    predict = figures.rates(PENGUINS, PREDICT, LOOP)
    what = f"penguins, {_MANY}, items/s"
    noop = figures.rates(PENGUINS, NOOP, _MANY)
    yield Verdict(what, NOOP, 0.7, True, "x", _ratio(unary, noop))
    yield Verdict(what, PREDICT, 25, True, "x", _ratio(unary, predict))
    what = f"penguins, predict_many of {PENGUINS.bulk:,} rows, rows/s"
    for load in (figures.best_bare_load(PENGUINS), batch_of(256)):
        bare = figures.rates(PENGUINS, BARE, load)
        yield Verdict(what, f"{BARE}, {load}", 0.2, True, "x", _ratio(bulk, bare))
    yield Verdict(what, PREDICT, 2500, True, "x", _ratio(bulk, predict))


def _judge_text(figures: Figures) -> Iterator[Verdict]:
    latencies = figures.latencies(TEXT, LEARNWIRE, _ONE)
    what = f"text, {_ONE}, latency"
    bare = figures.latencies(TEXT, BARE, batch_of(1))
    yield Verdict(what, f"{BARE} with its reset", 0.75, False, "x", _ratio(latencies, bare))
    predict = figures.latencies(TEXT, PREDICT, LOOP)
    yield Verdict(what, PREDICT, 0.65, False, "x", _ratio(latencies, predict))
    yield _best_bare(figures, TEXT, 0.9)


def _best_bare(figures: Figures, model: Model, bound: float) -> Verdict:
    load = figures.best_bare_load(model)
    figure = _ratio(figures.rates(model, LEARNWIRE, _MANY), figures.rates(model, BARE, load))
    what = f"{model.name}, {_MANY}, items/s"
    return Verdict(what, f"{BARE} at its best, {load}", bound, True, "x", figure)


def _overhead(figures: Figures) -> Verdict:
    """Take from a call's latency what the wire and the model themselves need."""
    ours = figures.latencies(PENGUINS, LEARNWIRE, _ONE)
    noop = figures.latencies(PENGUINS, NOOP, _ONE)
    bare = figures.latencies(PENGUINS, BARE, batch_of(1))
    added = [a - b - c for a, b, c in zip(ours, noop, bare, strict=True)]
    what = f"penguins, {_ONE}, latency added"
    return Verdict(what, f"{NOOP} + {BARE}", 1.5, False, "ms", Spread.of(added))


def _judge_memory(growth: Growth) -> Iterator[Verdict]:
    for name, grown in (("client", growth.client_mb), ("server", growth.server_mb)):
        what = f"penguins, {growth.rows:,} rows, memory of the {name}"
        figure, complete = Spread.of([grown]), growth.rows == ROWS
        yield Verdict(what, "before", 100, False, "MB", figure, complete)


def _ratio(ours: list[float], theirs: list[float]) -> Spread:
    """Compare round by round: what slows the machine down slows both."""
    return Spread.of(list(map(truediv, ours, theirs)))
