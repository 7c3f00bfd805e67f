"""How many items the server puts in a batch, and how long they wait, by its own statistics."""

from dataclasses import dataclass
from functools import partial

from learnwire_client import Client
from learnwire_client.statistics import Distribution

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
        mean: how many items a batch had in the mean.
        wait_ms: how long an item waited for its batch in the mean, in milliseconds.
    """

    model: str
    load: str
    counts: dict[float, int]
    mean: float
    wait_ms: float


def measure_batches(field: Field, scope: Scope, models: tuple[Model, ...]) -> list[Batches]:
    """Ask in closed loops, and look at what the server says before and after."""
    return [_measure(field, model, calls) for model in models for calls in scope.in_flight]


def _measure(field: Field, model: Model, calls: int) -> Batches:
    seconds = model.seconds * _SECONDS_SHARE
    with Client(field.learnwire.target) as client:
        before = client.statistics(model.tag)
        ask = partial(load.sample_unary, field.learnwire, model, calls, 1, seconds)
        field.client.submit(ask).result()
        after = client.statistics(model.tag)
    old, new = _counts(before.batch_items), _counts(after.batch_items)
    counts = {size: count - old.get(size, 0) for size, count in new.items()}
    return Batches(
        model=model.name,
        load=in_flight(calls),
        counts={size: count for size, count in counts.items() if count},
        mean=_mean_since(before.batch_items, after.batch_items),
        wait_ms=1000 * _mean_since(before.queue_wait_seconds, after.queue_wait_seconds),
    )


def _counts(sizes: Distribution) -> dict[float, int]:
    return {bucket.upper_bound: bucket.count for bucket in sizes.buckets}


def _mean_since(before: Distribution, after: Distribution) -> float:
    return (after.sum - before.sum) / (after.count - before.count)
