"""The contest: who takes part, and how each figure is called."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from . import servers
from .bento import program as bento_program
from .processes import Cores, pinned_pool
from .scope import Scope
from .servers import Served, started

LEARNWIRE = "Learnwire"
OWN = "Learnwire, the model's own contract"
NOOP = "noop server"
BENTOML = "BentoML"
COALESCED = "Learnwire, client.predict of threads"
SINGLY = "Learnwire, client.predict of threads, coalesce=False"
PREDICT = "learner.predict"
GET_PREDS = "get_preds"
BARE = "bare model"
ONNX = "bare ONNX Runtime"
ONE_WORKER = "Learnwire, 1 worker"
TWO_WORKERS = "Learnwire, 2 workers"
ALONE = "Learnwire, penguins alone"
TWO_ALONE = "Learnwire, penguins alone, 2 workers"
PLAIN = "Learnwire, plain text"
TLS = "Learnwire, TLS"
BOTH = "Learnwire, TLS and a token"
ASKED = "Learnwire, the generic contract"
ASKED_OWN = "Learnwire, the contract of penguins"
ASKED_NOOP = "noop server beside them"
COUNTED = "Learnwire, metrics"
NO_HTTP = "Learnwire, gRPC alone"
IDLE_HTTP = "Learnwire, the HTTP port idle"
JSON = "Learnwire, JSON"
GRPC_WEB = "Learnwire, gRPC-Web"
OIP_RAW = "Learnwire, Open Inference Protocol, raw"
OIP_TYPED = "Learnwire, Open Inference Protocol, typed"
OIP_JSON = "Learnwire, Open Inference Protocol, REST JSON"
UNCOUNTED = "Learnwire, counting nothing"
UNWATCHED = "Learnwire, metrics without drift"
TRACED = "Learnwire, metrics and traces"

PANDAS = "pandas, reading and writing the file"

BULK = "bulk"
FRAME = "frame"
FILE = "CSV file"
LOOP = "loop"


class Cell(NamedTuple):
    """One figure of the contest."""

    model: str
    contender: str
    load: str


@dataclass(frozen=True)
class Field:
    """The contenders and the clients, all of them up.

    `bentoml` is None where it is left out, and `workers`, which have all cores and a client of
    their own, is empty in the quick benchmark.
    """

    learnwire: Served
    noop: Served
    bentoml: Served | None
    workers: dict[str, Served]
    predict: ProcessPoolExecutor
    get_preds: ProcessPoolExecutor
    bare: ProcessPoolExecutor
    onnx: ProcessPoolExecutor
    client: ProcessPoolExecutor
    free_client: ProcessPoolExecutor

    @property
    def own(self) -> Served:
        """Learnwire once more, asked by the contracts that its models have of their own."""
        return replace(self.learnwire, wire="own")


def in_flight(calls: int) -> str:
    """Name a load of calls with one item each."""
    return f"{calls} in flight"


def threads_of(count: int) -> str:
    """Name a load of threads on one client."""
    return f"{count} threads"


def over_channels(calls: int, channels: int) -> str:
    """Name a load of calls over several channels."""
    return f"{calls} in flight, {channels} channels"


def streamed(calls: int) -> str:
    """Name a load of items on one stream."""
    return f"stream, {calls} in flight"


def open_loop(share: float) -> str:
    """Name a load of calls that come at a share of what the contender can do."""
    return f"open loop at {share:.0%}"


def batch_of(size: int) -> str:
    """Name a load of the bare model."""
    return f"batch of {size}"


@contextmanager
def opened(cores: Cores, scope: Scope, *, with_bentoml: bool) -> Iterator[Field]:
    """Start the contenders, on one core, and the client, on the other."""
    tags = [learner.tag for learner in scope.learners]
    with ExitStack() as stack:

        def start(program: servers.Program, core: int | None) -> Served:
            return stack.enter_context(started(program, core))

        yield Field(
            learnwire=start(servers.learnwire(*tags), cores.contenders),
            noop=start(servers.NOOP_SERVER, cores.contenders),
            bentoml=start(bento_program(), cores.contenders) if with_bentoml else None,
            workers={
                name: start(servers.learnwire(tags[0], workers=count), None)
                for name, count in ((ONE_WORKER, 1), (TWO_WORKERS, 2))
                if scope.full
            },
            predict=stack.enter_context(pinned_pool(cores.contenders)),
            get_preds=stack.enter_context(pinned_pool(cores.contenders)),
            bare=stack.enter_context(pinned_pool(cores.contenders)),
            onnx=stack.enter_context(pinned_pool(cores.contenders)),
            client=stack.enter_context(pinned_pool(cores.client)),
            free_client=stack.enter_context(pinned_pool(None)),
        )
