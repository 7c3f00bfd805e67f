"""A runner's statistics to their message."""

from learnwire.v1 import model_service_pb2 as pb

from ..runner import Runner
from ..statistics import Distribution, Fate
from .describe import timestamp


def model_statistics(runner: Runner) -> pb.ModelStatistics:
    """Tell what happened to a model's items; all zero while it is being loaded."""
    statistics = runner.statistics
    return pb.ModelStatistics(
        model=runner.manifest.name,
        version=runner.manifest.version,
        since=timestamp(statistics.since),
        predicted=statistics.items(Fate.PREDICTED),
        failed=statistics.items(Fate.FAILED),
        refused=statistics.items(Fate.REFUSED),
        expired=statistics.items(Fate.EXPIRED),
        cancelled=statistics.items(Fate.CANCELLED),
        waiting=runner.waiting,
        queue_wait_seconds=_distribution(Distribution.of(statistics.queue_wait)),
        batch_items=_distribution(Distribution.of(statistics.batch_items, whole=True)),
        compute_seconds=_distribution(Distribution.of(statistics.compute)),
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
