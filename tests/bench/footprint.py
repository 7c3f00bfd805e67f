"""What a server of two models takes: time to start, and memory."""

from dataclasses import dataclass

from . import load
from .models import Model
from .processes import Cores, pinned_pool, tree
from .servers import Program, started
from .usage import resident

_STARTS = 3
_CALLS = 32


@dataclass(frozen=True)
class Footprint:
    """One server that serves the same models as the others.

    Attributes:
        contender: who it is.
        seconds: from its start until it is serving, of each start.
        megabytes: resident memory after some calls, in 10^6 bytes, of each start.
        processes: how many processes it has.
    """

    contender: str
    seconds: list[float]
    megabytes: list[float]
    processes: int


def measure_footprint(
    contender: str, program: Program, models: tuple[Model, ...], cores: Cores
) -> Footprint:
    """Start the server several times, after one that only fills the caches of the system."""
    seconds, megabytes, processes = list[float](), list[float](), 0
    with pinned_pool(cores.client) as client:
        for start in range(_STARTS + 1):
            with started(program, cores.contenders) as served:
                for model in models:
                    client.submit(load.predictions, served, model, _CALLS).result()
                if start:
                    seconds.append(served.seconds)
                    megabytes.append(resident(served.pid) / 1e6)
                processes = len(tree(served.pid))
    return Footprint(contender, seconds, megabytes, processes)
