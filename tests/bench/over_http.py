"""What a call costs by each of the protocols, and what the HTTP port costs while nobody calls it.

Usage: `python -m tests.bench.over_http`, by itself; `make bench` has it too.
"""

from contextlib import ExitStack
from dataclasses import replace

from rich.progress import Progress

from .alone import run_alone
from .contest import (
    GRPC_WEB,
    IDLE_HTTP,
    JSON,
    NO_HTTP,
    OIP_JSON,
    OIP_RAW,
    OIP_TYPED,
)
from .models import PENGUINS
from .processes import Cores, pinned_pool
from .programme import unary
from .rounds import Samples, run_rounds
from .servers import OPEN, free_port, guarded, learnwire, started
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
        figures = (
            unary(client, name, served, PENGUINS, _IN_FLIGHT, _SECONDS)
            for name, served in contenders.items()
        )
        return run_rounds(dict(figures), progress, rounds=ROUNDS, longest=_LONGEST)


if __name__ == "__main__":
    run_alone(measure_http, judge_http)
