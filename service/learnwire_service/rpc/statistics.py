"""Statistics to their messages."""

from collections.abc import Mapping
from datetime import UTC, datetime

from learnwire.v1 import endpoint_service_pb2
from learnwire.v1 import model_service_pb2 as pb

from ..observe.counters import Reading
from ..observe.distribution import Distribution
from ..observe.processes import memory_held, own_processes
from ..observe.requests import Requests
from ..queue.statistics import Fate
from ..runners.learner import LearnerRunner
from ..runners.registry import Registry
from ..services.endpoints.live import LiveEndpoint
from ..services.endpoints.statistics import CallFate
from .describe import timestamp
from .pressure import Pressure, Stage

_NONE = Distribution(0.0, ())
_STAGES = {
    Stage.NOTHING: pb.MEMORY_STAGE_NORMAL,
    Stage.STREAMS: pb.MEMORY_STAGE_STREAMS_REFUSED,
    Stage.CALLS: pb.MEMORY_STAGE_CALLS_REFUSED,
}


def server_statistics(
    registry: Registry, requests: Requests, pressure: Pressure | None
) -> pb.ServerStatistics:
    """Tell how all processes of a server are, and what happened to the items of its models."""
    reading, processes = Reading.shared(), own_processes()
    calls = requests.durations(reading)
    return pb.ServerStatistics(
        memory_limit=_memory_limit(pressure) if pressure else None,
        read_time=timestamp(datetime.now(UTC)),
        processes=len(processes),
        memory_bytes=memory_held(processes),
        models=[_model(runner, calls, reading) for runner in registry.runners],
    )


def _memory_limit(pressure: Pressure) -> pb.MemoryLimit:
    held, stage = pressure.read()
    return pb.MemoryLimit(limit_bytes=held.limit, held_bytes=held.held, stage=_STAGES[stage])


def model_statistics(runner: LearnerRunner, requests: Requests) -> pb.ModelStatistics:
    """Tell what happened to a model's items; all zero while it is being loaded."""
    reading = Reading.shared()
    return _model(runner, requests.durations(reading), reading)


def call_seconds(runner: LearnerRunner, calls: Mapping[str, Distribution]) -> Distribution:
    """Give how long a version's calls took, of those of all versions."""
    return calls.get(str(runner.tag), _NONE)


def _model(
    runner: LearnerRunner, calls: Mapping[str, Distribution], reading: Reading | None
) -> pb.ModelStatistics:
    tally = runner.statistics.read(reading)
    return pb.ModelStatistics(
        model=runner.manifest.name,
        version=runner.manifest.version,
        since=timestamp(tally.since),
        predicted=tally.items[Fate.PREDICTED],
        failed=tally.items[Fate.FAILED],
        invalid=tally.items[Fate.INVALID],
        refused=tally.items[Fate.REFUSED],
        expired=tally.items[Fate.EXPIRED],
        cancelled=tally.items[Fate.CANCELLED],
        waiting=tally.waiting,
        queue_wait_seconds=_distribution(tally.queue_wait),
        batch_items=_distribution(tally.batch_items),
        compute_seconds=_distribution(tally.compute),
        call_seconds=_distribution(call_seconds(runner, calls)),
    )


def endpoint_statistics(live: LiveEndpoint) -> endpoint_service_pb2.EndpointStatistics:
    """Tell what became of an endpoint's calls."""
    tally = live.statistics.read()
    return endpoint_service_pb2.EndpointStatistics(
        endpoint=live.endpoint.name,
        since=timestamp(tally.since),
        answered=tally.calls[CallFate.ANSWERED],
        failed=tally.calls[CallFate.FAILED],
        invalid=tally.calls[CallFate.INVALID],
        refused=tally.calls[CallFate.REFUSED],
        expired=tally.calls[CallFate.EXPIRED],
        cancelled=tally.calls[CallFate.CANCELLED],
        in_flight=tally.in_flight,
        seconds=_distribution(tally.seconds),
    )


def _distribution(read: Distribution) -> pb.Distribution:
    return pb.Distribution(
        count=read.count,
        sum=read.sum,
        p50=read.quantile(0.5),
        p90=read.quantile(0.9),
        p99=read.quantile(0.99),
        buckets=[pb.Bucket(upper_bound=end, count=count) for end, count in read.buckets if count],
    )
