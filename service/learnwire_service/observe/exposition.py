"""What processes count, as Prometheus reads it."""

import math
from collections.abc import Iterable, Iterator

from prometheus_client import Metric

from .memory import Record, together
from .series import Series

# What Prometheus adds to the names of some.
_OF_COUNTERS = "_total"


def families(records: Iterable[Record]) -> Iterator[Metric]:
    """Give the metrics of all processes, those of one name together."""
    found: dict[str, Metric] = {}
    for head, counted in together(records).items():
        series = Series.read(head)
        metric = found.get(series.name) or Metric(series.name, series.meaning, series.kind)
        _add(found.setdefault(series.name, metric), series, series.sum(counted))
    yield from found.values()


def _add(metric: Metric, series: Series, numbers: list[float]) -> None:
    labels = dict(series.labels)
    match series.kind:
        case "counter":
            for key, number in zip(series.keys, numbers, strict=True):
                own = {**labels, series.by: key} if series.by else labels
                metric.add_sample(series.name + _OF_COUNTERS, own, number)
        case "gauge" if not math.isnan(numbers[0]):
            metric.add_sample(series.name, labels, numbers[0])
        case "histogram":
            *counts, total = numbers
            below = 0.0
            for end, count in zip((*map(str, series.ends), "+Inf"), counts, strict=True):
                below += count
                metric.add_sample(f"{series.name}_bucket", {**labels, "le": end}, below)
            metric.add_sample(f"{series.name}_count", labels, below)
            metric.add_sample(f"{series.name}_sum", labels, total)
