"""What a server does under more load than it can bear, by itself and behind Envoy.

Usage: `python -m tests.bench.overload`, or `make bench-overload`: five minutes. It writes
docs/benchmarks/overload.md, .json and .png.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.console import Console

from examples.demo.errors import DemoError
from examples.envoy.front import in_front_of

from .figures import Spread
from .flood import Flood, capacity, flood
from .machine import describe_machine
from .models import PENGUINS, TEXT, Model, prepare, settle
from .numbers import number
from .plots import draw_into, label_axes, legend_below
from .processes import BenchError, Cores, pin, pinned_pool
from .report import markdown_table, targets_markdown, targets_table
from .servers import Program, started
from .targets import Verdict
from .wire import requests

DIRECT, BEHIND = "directly", "behind Envoy"

_FOLDER = Path("docs") / "benchmarks"
_MODELS = {PENGUINS: "a row of penguins", TEXT: "a text of 58 tokens, full-size AWD_LSTM"}
_TIMES = (1, 3, 5, 10)
_SECONDS = {PENGUINS: 6.0, TEXT: 12.0}
_CALLERS, _CAPACITY_SHARE, _CAPACITY_TRIES = 16, 0.3, 3
_LOOK_SECONDS = 0.05
_LOAD, _QUIET = "load before the start", 0.5
_COLOURS = {DIRECT: "#D55E00", BEHIND: "#0072B2"}


@dataclass(frozen=True)
class Point:
    """What became of one load.

    Attributes:
        model: of which model.
        way: how the calls came to the server.
        times: how many times the capacity was offered.
        peak: the capacity: the calls a second that were answered with 16 in flight, directly.
        flood: what became of the calls.
        health_ms: the 99th percentile of how long an answer about health took meanwhile.
        unhealthy: how many of these were not SERVING.
    """

    model: str
    way: str
    times: int
    peak: float
    flood: Flood
    health_ms: float
    unhealthy: int

    @property
    def share(self) -> float:
        """Which share of the capacity was answered in time."""
        return self.flood.good / self.peak


def main() -> None:
    """Measure it, print it, and write it down."""
    # So that the servers are ended then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was stopped"))
    settle()
    console, cores = Console(width=None if sys.stdout.isatty() else 150), Cores.choose()
    begin, machine = time.monotonic(), describe_machine(cores)
    try:
        with pinned_pool(cores.contenders) as builder:
            list(builder.map(prepare, [model.learner for model in _MODELS]))
        points = [point for model in _MODELS for point in _measure(model, cores, console)]
    except (BenchError, DemoError) as error:
        sys.exit(f"The benchmark stopped: {error}")
    facts = {"minutes": f"{(time.monotonic() - begin) / 60:.0f}", **machine}
    console.print(targets_table(judge(points)))
    _write(points, facts)


def judge(points: list[Point]) -> Iterator[Verdict]:
    """Hold the text's hardest load behind Envoy against the targets."""
    most = max(_TIMES)
    [one] = [p for p in points if (p.model, p.way, p.times) == (TEXT.name, BEHIND, most)]
    name = f"{TEXT.name}, {BEHIND}, {most} times the capacity"
    for what, against, bound, at_least, unit, value in (
        ("answered in time", "the capacity", 0.9, True, "x", one.share),
        ("p99 of what is answered", "none", 2, False, "s", one.flood.p99_ms / 1000),
        ("health, p99", "none", 100, False, "ms", one.health_ms),
        ("until calls take as long as before", "none", 2, False, "s", one.flood.normal_s),
    ):
        yield Verdict(f"{name}: {what}", against, bound, at_least, unit, Spread.of([value]))  # type: ignore[arg-type]


def _measure(model: Model, cores: Cores, console: Console) -> Iterator[Point]:
    command = (sys.executable, "-m", "learnwire_service", "serve", model.tag)
    bodies, seconds = requests("grpc", model), _SECONDS[model]
    with ExitStack() as stack:
        client, looker = (stack.enter_context(pinned_pool(cores.client)) for _ in range(2))
        program = Program(f"overload-{model.name}", command)
        served = stack.enter_context(started(program, cores.contenders))
        front = stack.enter_context(in_front_of(served.target))
        pin(front.pid, _envoys_core(cores))
        ask = (served.target, bodies, _CALLERS, seconds * _CAPACITY_SHARE)
        # The best of several: a moment in which others work would make all loads too small.
        peak = max(client.submit(capacity, *ask).result() for _ in range(_CAPACITY_TRIES))
        console.print(f"{model.name}: {number(peak)} calls a second")
        for times in _TIMES:
            for way, target in ((DIRECT, served.target), (BEHIND, front.target)):
                point = _point(client, looker, target, bodies, peak * times, seconds)
                found = Point(model.name, way, times, peak, *point)
                console.print(*_cells(found), sep=", ")
                yield found


def _envoys_core(cores: Cores) -> int | None:
    """Give a core of its own, or the client's where there are but two."""
    if cores.contenders is None:
        return None
    others = sorted(os.sched_getaffinity(0) - {cores.contenders})
    return others[0] if others else cores.contenders


def _point(
    client: ProcessPoolExecutor,
    looker: ProcessPoolExecutor,
    target: str,
    bodies: list[bytes],
    rate: float,
    seconds: float,
) -> tuple[Flood, float, int]:
    health = looker.submit(_watch_health, target, seconds)
    found = client.submit(flood, target, bodies, rate, seconds).result()
    latencies, unhealthy = health.result()
    return found, float(np.percentile(latencies, 99)) * 1000, unhealthy


def _watch_health(target: str, seconds: float) -> tuple[list[float], int]:
    """Ask for health over and over; give how long each answer took, and how many were bad."""
    latencies, bad, end = list[float](), 0, time.monotonic() + seconds
    with grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < end:
            begin = time.perf_counter()
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
                bad += answer.status != health_pb2.HealthCheckResponse.SERVING
            except grpc.RpcError:
                bad += 1
            latencies.append(time.perf_counter() - begin)
            time.sleep(_LOOK_SECONDS)
    return latencies, bad


_COLUMNS = (
    *("model", "calls come", "load, x", "offered/s", "answered/s", "of the capacity"),
    *("p50 ms", "p99 ms", "health p99 ms", "health refused", "normal after, s"),
)


def _cells(point: Point) -> tuple[str, ...]:
    it = point.flood
    numbers = (it.p50_ms, it.p99_ms, point.health_ms)
    return (
        *(point.model, point.way, str(point.times), number(it.offered), number(it.good)),
        *(f"{point.share:.0%}", *map(number, numbers), str(point.unhealthy)),
        f"{it.normal_s:.2f}",
    )


def _write(points: list[Point], facts: dict[str, str]) -> None:
    document = {"facts": facts, "points": [asdict(point) for point in points]}
    (_FOLDER / "overload.json").write_text(json.dumps(document, indent=1) + "\n")
    (_FOLDER / "overload.md").write_text("\n".join(_markdown(points, facts)) + "\n")
    draw_into(_FOLDER / "overload.png", lambda figure: _draw(figure, points), height=1.5)


def _markdown(points: list[Point], facts: dict[str, str]) -> Iterator[str]:
    yield "# More load than a server can bear"
    yield ""
    yield (
        "One run of `make bench-overload`, measured [like this](README.md#overload). How to put "
        "Envoy in front is told in [overload](../overload.md)."
    )
    if float(facts[_LOAD]) > _QUIET:
        yield "\nThe machine was busy with other work, see below: these figures are worth little."
    yield "\n![Answered calls and their latency against the load](overload.png)"
    yield "\n## Targets\n"
    yield from targets_markdown(judge(points))
    yield "\n## All figures\n"
    yield from markdown_table(_COLUMNS, map(_cells, points), words=2)
    yield "\n## Machine\n"
    yield from markdown_table(("", ""), facts.items(), words=2)


def _draw(figure: Any, points: list[Point]) -> None:
    panels = figure.subplots(2, len(_MODELS), sharex=True)
    for column, (model, title) in enumerate(_MODELS.items()):
        for way, colour in _COLOURS.items():
            ours = [p for p in points if (p.model, p.way) == (model.name, way)]
            times, style = [p.times for p in ours], {"color": colour, "marker": "o"}
            shares, slow = panels[0][column], panels[1][column]
            shares.plot(times, [100 * p.share for p in ours], label=way, **style)
            slow.plot(times, [p.flood.p99_ms for p in ours], label=f"{way}, p99", **style)
            slow.plot(times, [p.flood.p50_ms for p in ours], linestyle="dotted", **style)
        panels[0][column].set_ylim(0)
        panels[1][column].set_ylim(0)
        label_axes(panels[0][column], title, "", "answered, % of the capacity")
        label_axes(panels[1][column], "", "load, times the capacity", "latency, ms (dots: p50)")
        panels[1][column].set_xticks(_TIMES)
    legend_below(figure)


if __name__ == "__main__":
    main()
