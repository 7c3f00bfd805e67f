"""A runner's statistics to their message."""

from learnwire.v1 import model_service_pb2 as pb

from ..distribution import Distribution
from ..runners.learner import LearnerRunner
from ..statistics import Fate
from .describe import timestamp


def model_statistics(runner: LearnerRunner) -> pb.ModelStatistics:
    """Tell what happened to a model's items; all zero while it is being loaded."""
    tally = runner.statistics.read()
    return pb.ModelStatistics(
        model=runner.manifest.name,
        version=runner.manifest.version,
        since=timestamp(tally.since),
        predicted=tally.items[Fate.PREDICTED],
        failed=tally.items[Fate.FAILED],
        refused=tally.items[Fate.REFUSED],
        expired=tally.items[Fate.EXPIRED],
        cancelled=tally.items[Fate.CANCELLED],
        waiting=tally.waiting,
        queue_wait_seconds=_distribution(tally.queue_wait),
        batch_items=_distribution(tally.batch_items),
        compute_seconds=_distribution(tally.compute),
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
