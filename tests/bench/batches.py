"""How many items the server puts in a batch, by its own statistics."""

from dataclasses import dataclass
from functools import partial

from learnwire_client import Client

from . import load
from .contest import Field, in_flight
from .models import Model
from .scope import Scope

_SECONDS_SHARE = 0.8


@dataclass(frozen=True)
class Batches:
    """The batches under one load.

    Attributes:
        model: the model.
        load: the load.
        counts: how many batches had at most so many items, and more than the size before it.
    """

    model: str
    load: str
    counts: dict[float, int]


def measure_batches(field: Field, scope: Scope, models: tuple[Model, ...]) -> list[Batches]:
    """Ask in closed loops, and look at what the server says before and after."""
    return [_measure(field, model, calls) for model in models for calls in scope.in_flight]


def _measure(field: Field, model: Model, calls: int) -> Batches:
    seconds = model.seconds * _SECONDS_SHARE
    before = _counts(field, model)
    ask = partial(load.sample_unary, field.learnwire, model, calls, 1, seconds)
    field.client.submit(ask).result()
    after = _counts(field, model)
    counts = {size: count - before.get(size, 0) for size, count in after.items()}
    return Batches(
        model.name, in_flight(calls), {size: count for size, count in counts.items() if count}
    )


def _counts(field: Field, model: Model) -> dict[float, int]:
    with Client(field.learnwire.target) as client:
        buckets = client.statistics(model.tag).batch_items.buckets
    return {bucket.upper_bound: bucket.count for bucket in buckets}
