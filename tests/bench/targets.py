"""The targets, and whether they are met."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from .batches import Batches
from .columnar import ROWS as COLUMN_ROWS
from .contest import (
    ALONE,
    ASKED,
    ASKED_NOOP,
    ASKED_OWN,
    BARE,
    BENTOML,
    BOTH,
    BULK,
    COALESCED,
    COUNTED,
    FILE,
    FRAME,
    GRPC_WEB,
    IDLE_HTTP,
    JSON,
    LEARNWIRE,
    LOOP,
    NO_HTTP,
    NOOP,
    OIP_JSON,
    OIP_RAW,
    OIP_TYPED,
    ONE_WORKER,
    ONNX,
    OWN,
    PANDAS,
    PLAIN,
    PREDICT,
    SINGLY,
    TLS,
    TRACED,
    TWO_ALONE,
    TWO_WORKERS,
    UNCOUNTED,
    UNWATCHED,
    batch_of,
    in_flight,
    over_channels,
    threads_of,
)
from .encoding import Encoding
from .figures import Figures, Spread
from .footprint import Footprint
from .installed import IMAGE, Installed
from .memory import ROWS, Growth
from .models import MIXED_TEXT, PENGUINS, POINTS, RESNET, SENTIMENT, TEXT, UNET, Model
from .programme import CHANNELS, OVER_CHANNELS, THREADS

Unit = Literal["x", "ms", "s", "kB", "MB", "items"]

_ONE = in_flight(1)
_MANY = in_flight(16)
_MOST = in_flight(64)
_SERVERS = {
    LEARNWIRE: "penguins and text",
    TWO_WORKERS: "penguins and text",
    ALONE: "penguins",
    TWO_ALONE: "penguins",
}


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


def judge(
    figures: Figures, growth: Growth, footprints: dict[str, Footprint], batches: list[Batches]
) -> list[Verdict]:
    """Hold the figures against the targets; one whose figures are missing is left out."""
    return [
        *_judge_unary(figures),
        *_judge_bulk(figures),
        *_judge_columns(figures),
        *_judge_text(figures),
        *_judge_reading(figures),
        *_judge_images(figures),
        _overhead(figures),
        *_judge_workers(figures),
        *_judge_batches(batches),
        *_judge_footprints(footprints),
        *_judge_growth(growth),
        *judge_security(figures),
        *judge_added(figures),
        *judge_metrics(figures),
        *judge_http(figures),
    ]


def _judge_unary(figures: Figures) -> Iterator[Verdict]:
    for contender, load, bound in (
        (NOOP, _MANY, 0.8),
        (BENTOML, _MANY, 25),
        (PREDICT, LOOP, 25),
    ):
        yield from _faster(figures, PENGUINS, _MANY, (contender, load), bound)
    own = figures.rates(PENGUINS, OWN, _MANY)
    figure = Spread.of_ratios(own, figures.rates(PENGUINS, LEARNWIRE, _MANY))
    what = f"penguins by their own contract, {_MANY}, items/s"
    yield Verdict(what, f"the generic contract, {_MANY}", 1, True, "x", figure)
    load = threads_of(THREADS)
    together, singly = (figures.rates(PENGUINS, name, load) for name in (COALESCED, SINGLY))
    what = f"penguins, client.predict of {load}, items/s"
    figure = Spread.of_ratios(together, singly)
    yield Verdict(what, "the same, coalesce=False", 1.6, True, "x", figure)


def _judge_bulk(figures: Figures) -> Iterator[Verdict]:
    for contender, load, bound in (
        (BARE, figures.best_bare_load(PENGUINS), 0.3),
        (BARE, batch_of(256), 0.3),
        (BENTOML, _MANY, 5000),
        (PREDICT, LOOP, 2500),
    ):
        yield from _faster(figures, PENGUINS, BULK, (contender, load), bound)


def _judge_columns(figures: Figures) -> Iterator[Verdict]:
    if figures.has(PENGUINS, LEARNWIRE, FRAME):
        load = figures.best_bare_load(PENGUINS)
        ours = figures.rates(PENGUINS, LEARNWIRE, FRAME)
        what = f"penguins, predict_frame of {COLUMN_ROWS:,} rows, items/s"
        figure = Spread.of_ratios(ours, figures.rates(PENGUINS, BARE, load))
        yield Verdict(what, f"{BARE} at its best, {load}", 0.2, True, "x", figure)
    if figures.has(PENGUINS, PANDAS, FILE):
        ours, theirs = (figures.latencies(PENGUINS, one, FILE) for one in (LEARNWIRE, PANDAS))
        what = f"penguins, learnwire predict --file of {COLUMN_ROWS:,} rows, time"
        yield Verdict(what, PANDAS, 2, False, "x", Spread.of_ratios(ours, theirs))


def _judge_text(figures: Figures) -> Iterator[Verdict]:
    ours = figures.latencies(TEXT, LEARNWIRE, _ONE)
    for contender, load, bound in (
        (BARE, batch_of(1), 0.5),
        (PREDICT, LOOP, 0.4),
        (BENTOML, _ONE, 0.4),
    ):
        if figures.has(TEXT, contender, load):
            figure = Spread.of_ratios(ours, figures.latencies(TEXT, contender, load))
            against = f"{contender}, {load}"
            yield Verdict(f"text, {_ONE}, latency", against, bound, False, "x", figure)
    yield from _faster(figures, TEXT, _MANY, (BARE, batch_of(16)), 1.3)
    yield _best_bare(figures, TEXT, 1.0)
    yield from _faster(figures, TEXT, _MANY, (BENTOML, _MANY), 5)


def _judge_reading(figures: Figures) -> Iterator[Verdict]:
    """Hold texts against their network alone: what tokenizing, pooling and a call's road add."""
    for model, load, batch, bound in (
        (TEXT, _ONE, batch_of(1), 0.95),
        (TEXT, _MANY, batch_of(16), 0.97),
        (MIXED_TEXT, _MANY, batch_of(16), 0.97),
    ):
        if not figures.has(model, ONNX, batch):
            continue
        yield from _faster(figures, model, load, (ONNX, batch), bound)
        ours, theirs = figures.work(model, LEARNWIRE, load), figures.work(model, ONNX, batch)
        added = Spread.of([a - b for a, b in zip(ours, theirs, strict=True)])
        what = f"{model.name}, {load}, work added to an item"
        yield Verdict(what, f"{ONNX}, {batch}", 1.5, False, "ms", added)


def _judge_images(figures: Figures) -> Iterator[Verdict]:
    yield _best_bare(figures, RESNET, 1.0)
    if figures.has(RESNET, ONNX, batch_of(16)):
        yield from _faster(figures, RESNET, _MANY, (ONNX, batch_of(16)), 0.9)
    for model in (POINTS, UNET):
        if figures.has(model, PREDICT, LOOP):
            yield from _faster(figures, model, BULK, (PREDICT, LOOP), 3)
            # What the network itself allows.
            yield from _faster(figures, model, BULK, (ONNX, batch_of(16)), 0.9)


def _best_bare(figures: Figures, model: Model, bound: float) -> Verdict:
    load = figures.best_bare_load(model)
    ours, theirs = figures.rates(model, LEARNWIRE, _MANY), figures.rates(model, BARE, load)
    what, against = f"{model.name}, {_MANY}, items/s", f"{BARE} at its best, {load}"
    return Verdict(what, against, bound, True, "x", Spread.of_ratios(ours, theirs))


def _faster(
    figures: Figures, model: Model, load: str, other: tuple[str, str], bound: float
) -> Iterator[Verdict]:
    contender, other_load = other
    if figures.has(model, contender, other_load):
        ours = figures.rates(model, LEARNWIRE, load)
        figure = Spread.of_ratios(ours, figures.rates(model, contender, other_load))
        what = f"{model.name}, {load}, items/s"
        if load == BULK:
            what = f"{model.name}, predict_many of {model.bulk:,} items, items/s"
        yield Verdict(what, f"{contender}, {other_load}", bound, True, "x", figure)


def _overhead(figures: Figures) -> Verdict:
    """Take from a call's latency what the wire and the model themselves need."""
    ours = figures.latencies(PENGUINS, LEARNWIRE, _ONE)
    noop = figures.latencies(PENGUINS, NOOP, _ONE)
    bare = figures.latencies(PENGUINS, BARE, batch_of(1))
    added = [a - b - c for a, b, c in zip(ours, noop, bare, strict=True)]
    what = f"penguins, {_ONE}, latency added"
    return Verdict(what, f"{NOOP} + {BARE}", 1, False, "ms", Spread.of(added))


def _judge_workers(figures: Figures) -> Iterator[Verdict]:
    load = over_channels(OVER_CHANNELS, CHANNELS)
    if figures.has(PENGUINS, TWO_WORKERS, load):
        one, two = (figures.rates(PENGUINS, name, load) for name in (ONE_WORKER, TWO_WORKERS))
        what = f"penguins, 2 workers, {load}, items/s"
        yield Verdict(what, "1 worker", 1.3, True, "x", Spread.of_ratios(two, one))
        one, two = (figures.work(PENGUINS, name, load) for name in (ONE_WORKER, TWO_WORKERS))
        what = f"penguins, 2 workers, {load}, items for a core's second"
        yield Verdict(what, "1 worker", 0.9, True, "x", Spread.of_ratios(one, two))


def _judge_batches(batches: list[Batches]) -> Iterator[Verdict]:
    for one in batches:
        what, queue = f"{one.model}, {one.load}", "the server's queue"
        if one.load == _ONE:
            yield Verdict(f"{what}, wait", queue, 1, False, "ms", Spread.of([one.wait_ms]))
        if (one.model, one.load) == (TEXT.name, _MOST):
            yield Verdict(f"{what}, mean batch", queue, 8, True, "items", Spread.of([one.mean]))


def _judge_footprints(footprints: dict[str, Footprint]) -> Iterator[Verdict]:
    if BENTOML in footprints:
        ours, theirs = (footprints[name].megabytes for name in (LEARNWIRE, BENTOML))
        figure = Spread.of_ratios(ours, theirs)
        yield Verdict("penguins and text, resident memory", BENTOML, 0.4, False, "x", figure)
    own, resident = "a worker's own memory", "resident memory"
    for name, what, bound, was in (
        (LEARNWIRE, resident, 250, "660 MB"),
        (ALONE, resident, 120, "408 MB"),
        (TWO_WORKERS, own, 100, "not measured"),
        (TWO_ALONE, own, 65, "253 MB"),
    ):
        if one := footprints.get(name):
            values = one.own if what == own else one.megabytes
            yield _light(f"{_SERVERS[name]}, {what}", values, bound, "MB", was)
    if one := footprints.get(LEARNWIRE):
        yield _light("penguins and text, start", one.seconds, 2, "s", "5.3 s")
    if one := footprints.get(ALONE):
        yield _light("penguins, a core's work to start", one.worked, 1, "s", "3.8 s")


def judge_light(
    encoding: Encoding | None, installed: dict[str, Installed], archives: dict[str, float]
) -> Iterator[Verdict]:
    """Hold what sealed models weigh by themselves against the targets."""
    if encoding:
        against = f"prose; the worst is of {encoding.worst!r}"
        what = "tokenizing 10,000 characters, the worst of 180 hostile texts"
        yield Verdict(what, against, 5, False, "x", Spread.of(encoding.hostile))
        words = Spread.of(encoding.words_mb)
        yield Verdict("memory after 400,000 unseen words", "before", 5, False, "MB", words)
        work = Spread.of(encoding.image_ms)
        yield Verdict("encoding a PNG of 64 pixels, work", "none", 0.2, False, "ms", work)
    # The client has no bound; it is told.
    for extra, bound in (("serve", 250), (IMAGE, 320)):
        if one := installed.get(extra):
            size, what = Spread.of([one.megabytes]), f"learnwire[{extra}]"
            yield Verdict(what, "an empty environment", bound, False, "MB", size)
            if one.seconds:
                what += f", an image's: first answer of {SENTIMENT.name}"
                yield Verdict(what, "its start", 2, False, "s", Spread.of(one.seconds))
    for name, kilobytes in archives.items():
        size = Spread.of([kilobytes])
        yield Verdict(f"{name}, archive of the sealed model", "none", 100, False, "kB", size)


def _light(what: str, values: list[float], bound: float, unit: Unit, was: str) -> Verdict:
    """Hold a sealed model's server against a bound; unsealed it took what it was."""
    return Verdict(what, f"unsealed: {was}", bound, False, unit, Spread.of(values))


def judge_security(figures: Figures) -> Iterator[Verdict]:
    """Hold what TLS and a token cost against plain text."""
    for contender, load in product((TLS, BOTH), (_ONE, _MANY)):
        if figures.has(PENGUINS, contender, load):
            work = (figures.work(PENGUINS, name, load) for name in (contender, PLAIN))
            what = f"{contender}, {load}, work of a call"
            yield Verdict(what, PLAIN, 1.1, False, "x", Spread.of_ratios(*work))


def judge_added(figures: Figures) -> Iterator[Verdict]:
    """Hold the work of a call above a noop server's against that server's own."""
    for contender, bound in ((ASKED, 0.25), (ASKED_OWN, 0.2)):
        if figures.has(PENGUINS, contender, _MANY):
            ours, noop = (figures.work(PENGUINS, name, _MANY) for name in (contender, ASKED_NOOP))
            added = [a - b for a, b in zip(ours, noop, strict=True)]
            what = f"{contender}, {_MANY}, work of a call above the noop server's"
            yield Verdict(
                what, "the noop server's", bound, False, "x", Spread.of_ratios(added, noop)
            )


def judge_metrics(figures: Figures) -> Iterator[Verdict]:
    """Hold what metrics, drift and traces cost, each against a server without them."""
    for one, other, call, row in (
        (COUNTED, UNCOUNTED, 1.03, 1.02),
        (COUNTED, UNWATCHED, 1.03, 1.02),
        (TRACED, COUNTED, 2, 1.05),
    ):
        for load, item, bound in ((_MANY, "call", call), (BULK, "row", row)):
            if figures.has(PENGUINS, one, load):
                work = (figures.work(PENGUINS, name, load) for name in (one, other))
                what = f"{one}, {load}, work of a {item}"
                yield Verdict(what, other, bound, False, "x", Spread.of_ratios(*work))


def judge_http(figures: Figures) -> Iterator[Verdict]:
    """Hold what the HTTP port costs, idle and asked, against gRPC alone."""
    bounds = {IDLE_HTTP: 1.02, GRPC_WEB: 4, JSON: 4, OIP_RAW: 2, OIP_TYPED: 2, OIP_JSON: 4}
    for contender, bound in bounds.items():
        if figures.has(PENGUINS, contender, _MANY):
            work = (figures.work(PENGUINS, name, _MANY) for name in (contender, NO_HTTP))
            what = f"{contender}, {_MANY}, work of a call"
            yield Verdict(what, NO_HTTP, bound, False, "x", Spread.of_ratios(*work))


def _judge_growth(growth: Growth) -> Iterator[Verdict]:
    for name, grown in (("client", growth.client_mb), ("server", growth.server_mb)):
        what = f"penguins, {growth.rows:,} rows, memory of the {name}"
        figure, complete = Spread.of([grown]), growth.rows == ROWS
        yield Verdict(what, "before", 100, False, "MB", figure, complete)
