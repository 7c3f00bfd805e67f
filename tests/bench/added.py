"""The work that a call takes above what gRPC itself takes for it.

Usage: `python -m tests.bench.added`, by itself; `make bench` has it too.
"""

from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from rich.progress import Progress

from . import load, servers
from .alone import run_alone
from .contest import ASKED, ASKED_NOOP, ASKED_OWN, Cell, in_flight
from .models import PENGUINS
from .processes import Cores, pinned_pool
from .programme import Measure
from .rounds import Samples, run_rounds
from .sample import Sample
from .servers import Served, started
from .targets import judge_added

ROUNDS = 10

_IN_FLIGHT = 16
_SECONDS, _LONGEST = 2.0, 120.0


def measure_added(cores: Cores, progress: Progress) -> Samples:
    """Ask both contracts and the noop server in turn, one round after the other."""
    with ExitStack() as stack:
        client = stack.enter_context(pinned_pool(cores.client))
        ours, noop = (
            stack.enter_context(started(program, cores.contenders))
            for program in (servers.learnwire(PENGUINS.tag), servers.NOOP_SERVER)
        )
        asked = {ASKED: ours, ASKED_OWN: replace(ours, wire="own"), ASKED_NOOP: noop}
        measures: dict[Cell, Measure] = {
            Cell(PENGUINS.name, name, in_flight(_IN_FLIGHT)): partial(_measure, client, served)
            for name, served in asked.items()
        }
        return run_rounds(measures, progress, rounds=ROUNDS, longest=_LONGEST)


def _measure(client: ProcessPoolExecutor, served: Served, share: float) -> Sample:
    ask = partial(load.sample_unary, served, PENGUINS, _IN_FLIGHT, 1)
    return client.submit(ask, _SECONDS * share).result()


if __name__ == "__main__":
    run_alone(measure_added, judge_added)
