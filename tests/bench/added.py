"""The work that a call takes above what gRPC itself takes for it.

Usage: `python -m tests.bench.added`, by itself; `make bench` has it too.
"""

from contextlib import ExitStack
from dataclasses import replace

from rich.progress import Progress

from . import servers
from .alone import run_alone
from .contest import ASKED, ASKED_NOOP, ASKED_OWN
from .models import PENGUINS
from .processes import Cores, pinned_pool
from .programme import unary
from .rounds import Samples, run_rounds
from .servers import started
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
        figures = (
            unary(client, name, served, PENGUINS, _IN_FLIGHT, _SECONDS)
            for name, served in asked.items()
        )
        return run_rounds(dict(figures), progress, rounds=ROUNDS, longest=_LONGEST)


if __name__ == "__main__":
    run_alone(measure_added, judge_added)
