"""What a server takes: time to start, and memory."""

from dataclasses import dataclass, replace

from . import load
from .models import Model
from .processes import Cores, pinned_pool, tree
from .servers import Program, started
from .usage import private, resident, used

_STARTS = 3
_CALLS = 32


@dataclass(frozen=True)
class Footprint:
    """One server.

    Attributes:
        contender: who it is.
        seconds: from its start until it is serving, of each start.
        worked: how long cores worked until then, in seconds, of each start.
        megabytes: resident memory after some calls, in 10^6 bytes, of each start.
        own: what of it the largest of its processes shares with no other.
        processes: how many processes it has.
    """

    contender: str
    seconds: list[float]
    worked: list[float]
    megabytes: list[float]
    own: list[float]
    processes: int


def measure_footprint(
    contender: str, program: Program, models: tuple[Model, ...], cores: Cores
) -> Footprint:
    """Start the server several times, after one that only fills the caches of the system."""
    found = Footprint(contender, [], [], [], [], 0)
    with pinned_pool(cores.client) as client:
        for start in range(_STARTS + 1):
            with started(program, cores.contenders) as served:
                worked = used(served.pid)
                for model in models:
                    client.submit(load.predictions, served, model, _CALLS).result()
                if start:
                    found.seconds.append(served.seconds)
                    found.worked.append(worked)
                    found.megabytes.append(resident(served.pid) / 1e6)
                    found.own.append(private(served.pid) / 1e6)
                found = replace(found, processes=len(tree(served.pid)))
    return found
