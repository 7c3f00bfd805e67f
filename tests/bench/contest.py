"""The contest: who is measured, on what, and under which load."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from . import load, local
from .models import CACHE, MODELS, Model
from .processes import Cores, Served, pinned_pool, served
from .sample import Sample

LEARNWIRE = "Learnwire"
NOOP = "noop server"
PREDICT = "learner.predict"
GET_PREDS = "get_preds"
BARE = "bare model"

BULK = "bulk"
LOOP = "loop"

IN_FLIGHT = (1, 16)

_NOOP_SECONDS = 2.0
# There are many batch sizes, and one after the other they are measured in little time.
_BARE_SHARE = 0.3
_LONGEST_BULK = 15.0


class Cell(NamedTuple):
    """One figure of the contest."""

    model: str
    contender: str
    load: str


# Takes a sample in that share of its usual time.
Measure: TypeAlias = Callable[[float], Sample]


@dataclass(frozen=True)
class Field:
    """The contenders and the client, all of them up."""

    learnwire: Served
    noop: Served
    predict: ProcessPoolExecutor
    get_preds: ProcessPoolExecutor
    bare: ProcessPoolExecutor
    client: ProcessPoolExecutor


def in_flight(calls: int) -> str:
    """Name a load of calls with one item each."""
    return f"{calls} in flight"


def batch_of(size: int) -> str:
    """Name a load of the bare model."""
    return f"batch of {size}"


@contextmanager
def opened(cores: Cores) -> Iterator[Field]:
    """Start the contenders, on one core, and the client, on the other."""
    tags = [model.tag for model in MODELS]
    with ExitStack() as stack:
        server, noop = (
            stack.enter_context(served(*command, core=cores.contenders, log=CACHE / log))
            for command, log in (
                (("learnwire_service", "serve", *tags), "learnwire.log"),
                (("tests.bench.noop",), "noop.log"),
            )
        )
        places = [cores.contenders] * 3 + [cores.client]
        pools = [stack.enter_context(pinned_pool(core)) for core in places]
        yield Field(server, noop, *pools)


def measures(field: Field) -> dict[Cell, Measure]:
    """Give the way to each figure."""
    return {cell: measure for model in MODELS for cell, measure in _measures(field, model)}


def _measures(field: Field, model: Model) -> Iterator[tuple[Cell, Measure]]:
    def cell(contender: str, load_name: str) -> Cell:
        return Cell(model.name, contender, load_name)

    for calls in IN_FLIGHT:
        for name, server, seconds in (
            (LEARNWIRE, field.learnwire, model.seconds),
            (NOOP, field.noop, _NOOP_SECONDS),
        ):
            ask = _timed(field.client, seconds, load.sample_unary, server, model, calls)
            yield cell(name, in_flight(calls)), ask
    ask_many = _timed(
        field.client, _LONGEST_BULK, load.sample_bulk, field.learnwire, model, model.bulk
    )
    yield cell(LEARNWIRE, BULK), ask_many
    predict = _timed(field.predict, model.seconds, local.sample_predict, model)
    yield cell(PREDICT, LOOP), predict
    get_preds = _timed(field.get_preds, model.seconds, local.sample_get_preds, model)
    yield cell(GET_PREDS, BULK), get_preds
    for size in model.batches:
        seconds = model.seconds * _BARE_SHARE
        bare = _timed(field.bare, seconds, local.sample_bare, model, size)
        yield cell(BARE, batch_of(size)), bare


def _timed(
    pool: ProcessPoolExecutor, seconds: float, sample: Callable[..., Sample], *arguments: Any
) -> Measure:
    return lambda share: pool.submit(sample, *arguments, seconds * share).result()
