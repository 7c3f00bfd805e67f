"""What metrics, drift and traces cost a call and a row, each against a server without them.

Usage: `python -m tests.bench.metered`, by itself; `make bench` has it too.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

from rich.progress import Progress

from tests.end_to_end.collector import collecting

from . import load, servers
from .alone import run_alone
from .contest import BULK, COUNTED, TRACED, UNCOUNTED, UNWATCHED, Cell, in_flight
from .models import PENGUINS
from .processes import Cores, pinned_pool
from .programme import Measure
from .rounds import Samples, run_rounds
from .sample import Sample
from .servers import Program, started
from .targets import judge_metrics

ROUNDS = 10

_IN_FLIGHT = 16
_SECONDS, _ROWS, _LONGEST = 2.0, 400_000, 360.0


def measure_metrics(cores: Cores, progress: Progress) -> Samples:
    """Ask these servers in turn, one round after the other."""
    plain = servers.learnwire(PENGUINS.tag)
    less = (sys.executable, "-m", "tests.bench.uncounted")
    # Who counts nothing says nothing either, and would be taken for one that hangs.
    unheard = ("--model-timeout", "0")
    operated = (*plain.command, "--ops-port", "0")
    with ExitStack() as stack:
        _, collector = stack.enter_context(collecting())
        programs = {
            COUNTED: Program("counted", operated),
            UNCOUNTED: Program("uncounted", (*less, "metrics", *plain.command[3:], *unheard)),
            UNWATCHED: Program("unwatched", (*less, "drift", *operated[3:])),
            TRACED: Program(
                "traced", operated, environment={"OTEL_EXPORTER_OTLP_ENDPOINT": collector}
            ),
        }
        client = stack.enter_context(pinned_pool(cores.client))
        measures: dict[Cell, Measure] = {}
        for name, program in programs.items():
            served = stack.enter_context(started(program, cores.contenders))
            calls = partial(load.sample_unary, served, PENGUINS, _IN_FLIGHT, 1)
            rows = partial(load.sample_bulk, served, PENGUINS, _ROWS)
            unary, bulk = in_flight(_IN_FLIGHT), BULK
            measures[Cell(PENGUINS.name, name, unary)] = partial(_measure, client, calls)
            measures[Cell(PENGUINS.name, name, bulk)] = partial(_measure, client, rows)
        return run_rounds(measures, progress, rounds=ROUNDS, longest=_LONGEST)


def _measure(client: ProcessPoolExecutor, ask: Callable[[float], Any], share: float) -> Sample:
    sample: Sample = client.submit(ask, _SECONDS * share).result()
    return sample


if __name__ == "__main__":
    run_alone(measure_metrics, judge_metrics)
