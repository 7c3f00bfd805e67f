"""The metrics of a server: what its workers count, and what its supervisor knows of them."""

from collections.abc import Iterator, Mapping
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.registry import Collector

from ..observe.exposition import families
from ..observe.memory import read

if TYPE_CHECKING:
    from .supervisor import Supervisor

_WORKER = "worker"


def registry_of(supervisor: "Supervisor") -> CollectorRegistry:
    """Make what collects the metrics of a supervisor's server, each time anew."""
    registry = CollectorRegistry()
    registry.register(_Metrics(supervisor))
    ProcessCollector(registry=registry)
    return registry


class _Metrics(Collector):
    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        workers, deaths = self._supervisor.workers, self._supervisor.deaths
        serving = sum(worker.serves for worker in workers.values())
        states = {"serving": serving, "starting": len(workers) - serving}
        yield from families(read(self._supervisor.folder))
        yield from _processes({str(number): worker.pid for number, worker in workers.items()})
        yield _counted("gauge", "learnwire_workers", "Workers, by their states.", "state", states)
        yield _counted("counter", "learnwire_worker_deaths", "Workers that died.", "", {"": deaths})
        release = {version("learnwire"): 1}
        yield _counted("gauge", "learnwire_build_info", "Which release it is.", "version", release)


def _processes(pids: Mapping[str, int]) -> Iterator[Metric]:
    """Give the figures of processes, by their places; the system tells none of one that ended."""
    found: dict[str, Metric] = {}
    for place, pid in pids.items():
        process = ProcessCollector("learnwire_worker", partial(int, pid), registry=None)
        for metric in process.collect():
            found.setdefault(metric.name, metric)
            samples, metric.samples = metric.samples, []
            for sample in samples:
                found[metric.name].add_sample(sample.name, {_WORKER: place}, sample.value)
    yield from found.values()


def _counted(kind: str, name: str, meaning: str, by: str, values: Mapping[str, float]) -> Metric:
    metric = Metric(name, meaning, kind)
    for key, value in values.items():
        own = f"{name}_total" if kind == "counter" else name
        metric.add_sample(own, {by: key} if by else {}, value)
    return metric
