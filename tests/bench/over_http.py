"""What a call costs by each of the protocols, and what the HTTP port costs while nobody calls it.

Usage: `python -m tests.bench.over_http`, by itself; `make bench` has it too.
"""

from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from rich.progress import Progress

from . import load
from .alone import run_alone
from .contest import (
    GRPC_WEB,
    IDLE_HTTP,
    JSON,
    NO_HTTP,
    OIP_JSON,
    OIP_RAW,
    OIP_TYPED,
    Cell,
    in_flight,
)
from .models import PENGUINS
from .processes import Cores, pinned_pool
from .programme import Measure
from .rounds import Samples, run_rounds
from .sample import Sample
from .servers import OPEN, Served, free_port, guarded, learnwire, started
from .targets import judge_http

ROUNDS = 10

_IN_FLIGHT = 16
_SECONDS, _LONGEST = 1.5, 240.0


def measure_http(cores: Cores, progress: Progress) -> Samples:
    """Ask two servers in turn, the one with an HTTP port by each of its protocols."""
    port = free_port()
    flags = ["--http-port", str(port)]
    with ExitStack() as stack:
        client = stack.enter_context(pinned_pool(cores.client))
        alone = stack.enter_context(started(learnwire(PENGUINS.tag), cores.contenders))
        program = guarded(PENGUINS.tag, "http", flags, OPEN)
        idle = stack.enter_context(started(program, cores.contenders))
        over_http = replace(idle, target=f"127.0.0.1:{port}")
        contenders = {
            NO_HTTP: alone,
            IDLE_HTTP: idle,
            JSON: replace(over_http, wire="json"),
            GRPC_WEB: replace(over_http, wire="grpc-web"),
            OIP_RAW: replace(idle, wire="oip-raw"),
            OIP_TYPED: replace(idle, wire="oip-typed"),
            OIP_JSON: replace(over_http, wire="oip-json"),
        }
        measures: dict[Cell, Measure] = {
            Cell(PENGUINS.name, name, in_flight(_IN_FLIGHT)): partial(_measure, client, served)
            for name, served in contenders.items()
        }
        return run_rounds(measures, progress, rounds=ROUNDS, longest=_LONGEST)


def _measure(client: ProcessPoolExecutor, served: Served, share: float) -> Sample:
    ask = partial(load.sample_unary, served, PENGUINS, _IN_FLIGHT, 1)
    return client.submit(ask, _SECONDS * share).result()


if __name__ == "__main__":
    run_alone(measure_http, judge_http)
