"""The programme: which figures are taken, under which load, and for how long."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TypeAlias

from . import bare_onnx, load, local
from .coalesced import sample_threads
from .columnar import sample_file, sample_frame, sample_pandas
from .contest import (
    BARE,
    BENTOML,
    BULK,
    COALESCED,
    FILE,
    FRAME,
    GET_PREDS,
    LEARNWIRE,
    LOOP,
    NOOP,
    ONNX,
    OWN,
    PANDAS,
    PREDICT,
    SINGLY,
    Cell,
    Field,
    batch_of,
    in_flight,
    open_loop,
    over_channels,
    streamed,
    threads_of,
)
from .models import MIXED_TEXT, PENGUINS, POINTS, RESNET, TEXT, UNET, Model
from .open_loop import sample_open_loop
from .sample import Sample
from .scope import Scope
from .servers import Served
from .streams import sample_stream

# Takes a sample in that share of its usual time.
Measure: TypeAlias = Callable[[float], Sample]
Figure: TypeAlias = tuple[Cell, Measure]

# The models that all contenders are measured on.
COMPARED = (PENGUINS, TEXT, RESNET)
# Those whose networks are also asked alone, in ONNX Runtime.
BESIDE_ONNX = (*COMPARED, MIXED_TEXT, POINTS, UNET)
# Those that are only asked for many items at once.
IN_BULK = (POINTS, UNET)
# Those that BentoML serves, and that come in open loops and streams.
SERVED = (PENGUINS, TEXT)

SHARES = (0.25, 0.5, 0.75)
STREAMED = THREADS = 16
# So many that both workers get some of them: which one a channel gets is chance.
CHANNELS, OVER_CHANNELS = 16, 32

_OWN_CALLS = 16
_NOOP_SECONDS = 2.0
# There are many batch sizes, and one after the other they are measured in little time.
_BARE_SHARE = 0.3
_ONNX_BATCHES = (1, 16, 64)
_LONGEST_BULK = 15.0
# It does no more with more calls in flight, and to wait for them takes long.
_MOST_OF_BENTOML = 16
_BENTOML_SHARE = 1.2
_WORKERS_SECONDS = 5.0
# An open loop needs many calls for its slowest hundredth.
_OPEN_LOOP_SHARE = 2.5
_CAPACITY_CALLS = 16


def measures(field: Field, scope: Scope) -> dict[Cell, Measure]:
    """Give the way to each figure."""
    figures = [figure for model in scope.models for figure in _of_model(field, scope, model)]
    if scope.full:
        figures += [figure for model in SERVED for figure in _of_served(field, model)]
        figures += _of_workers(field)
    return dict(figures)


def _of_model(field: Field, scope: Scope, model: Model) -> Iterator[Figure]:
    if model is PENGUINS:
        yield unary(field.client, OWN, field.own, model, _OWN_CALLS, model.seconds)
        yield from _of_threads(field)
        yield from _of_columns(field, scope)
    for calls in () if model in IN_BULK else scope.in_flight:
        yield unary(field.client, LEARNWIRE, field.learnwire, model, calls, model.seconds)
        if model in COMPARED:
            yield unary(field.client, NOOP, field.noop, model, calls, _NOOP_SECONDS)
        if model in SERVED and field.bentoml and calls <= _MOST_OF_BENTOML:
            seconds = model.seconds * _BENTOML_SHARE
            yield unary(field.client, BENTOML, field.bentoml, model, calls, seconds)
    if model in (*COMPARED, *IN_BULK):
        sample = partial(load.sample_bulk, field.learnwire, model, model.bulk)
        yield _figure(model, LEARNWIRE, BULK, field.client, _LONGEST_BULK, sample)
    if model in COMPARED:
        sample = partial(local.sample_get_preds, model)
        yield _figure(model, GET_PREDS, BULK, field.get_preds, model.seconds, sample)
    sample = partial(local.sample_predict, model)
    yield _figure(model, PREDICT, LOOP, field.predict, model.seconds, sample)
    for size in model.batches:
        sample = partial(local.sample_bare, model, size)
        seconds = model.seconds * _BARE_SHARE
        yield _figure(model, BARE, batch_of(size), field.bare, seconds, sample)
    if model in BESIDE_ONNX and field.onnx.submit(bare_onnx.is_sealed, model).result():
        yield from _of_onnx(field, model)


def _of_threads(field: Field) -> Iterator[Figure]:
    for name, coalesce in ((COALESCED, True), (SINGLY, False)):
        sample = partial(sample_threads, field.learnwire, PENGUINS, THREADS, coalesce=coalesce)
        seconds = PENGUINS.seconds
        yield _figure(PENGUINS, name, threads_of(THREADS), field.client, seconds, sample)


def _of_columns(field: Field, scope: Scope) -> Iterator[Figure]:
    model, client, seconds = PENGUINS, field.client, PENGUINS.seconds
    sample = partial(sample_frame, field.learnwire, model)
    yield _figure(model, LEARNWIRE, FRAME, client, seconds, sample)
    if scope.full:
        sample = partial(sample_file, field.learnwire, model)
        yield _figure(model, LEARNWIRE, FILE, client, seconds, sample)
        yield _figure(model, PANDAS, FILE, client, seconds, partial(sample_pandas, model))


def _of_onnx(field: Field, model: Model) -> Iterator[Figure]:
    for size in _ONNX_BATCHES:
        sample = partial(bare_onnx.sample_onnx, model, size)
        seconds = model.seconds * _BARE_SHARE
        yield _figure(model, ONNX, batch_of(size), field.onnx, seconds, sample)


def _of_served(field: Field, model: Model) -> Iterator[Figure]:
    sample = partial(sample_stream, field.learnwire, model, STREAMED)
    yield _figure(model, LEARNWIRE, streamed(STREAMED), field.client, model.seconds, sample)
    yield from _open_loops(field, LEARNWIRE, field.learnwire, model)
    if field.bentoml:
        yield from _open_loops(field, BENTOML, field.bentoml, model)


def _open_loops(field: Field, contender: str, served: Served, model: Model) -> Iterator[Figure]:
    """Go by what the contender does in a closed loop, measured now; it stays the same."""
    ask = partial(load.sample_unary, served, model, _CAPACITY_CALLS, 1)
    capacity = field.client.submit(ask, model.seconds).result().rate
    for share in SHARES:
        sample = partial(sample_open_loop, served, model, capacity * share)
        seconds = model.seconds * _OPEN_LOOP_SHARE
        yield _figure(model, contender, open_loop(share), field.client, seconds, sample)


def _of_workers(field: Field) -> Iterator[Figure]:
    for name, served in field.workers.items():
        sample = partial(load.sample_unary, served, PENGUINS, OVER_CHANNELS, CHANNELS)
        name_of_load = over_channels(OVER_CHANNELS, CHANNELS)
        yield _figure(PENGUINS, name, name_of_load, field.free_client, _WORKERS_SECONDS, sample)


def unary(
    client: ProcessPoolExecutor,
    contender: str,
    served: Served,
    model: Model,
    calls: int,
    seconds: float,
) -> Figure:
    """Give the figure of calls of one item each, so many in flight over one connection."""
    sample = partial(load.sample_unary, served, model, calls, 1)
    return _figure(model, contender, in_flight(calls), client, seconds, sample)


def _figure(
    model: Model,
    contender: str,
    name_of_load: str,
    pool: ProcessPoolExecutor,
    seconds: float,
    sample: Callable[[float], Sample],
) -> Figure:
    def measure(share: float) -> Sample:
        return pool.submit(sample, seconds * share).result()

    return Cell(model.name, contender, name_of_load), measure
