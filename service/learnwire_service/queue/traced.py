"""What a batch tells the traces of its calls, where they have some."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..observe.tracing import network_end
from .request import Request
from .statistics import Statistics

if TYPE_CHECKING:
    from ..observe.spans import CallTrace


def trace(batch: Sequence[Request], start: float, end: float, statistics: Statistics) -> None:
    """Tell of a batch that was predicted from `start` to `end`, on the batcher's clock."""
    by_trace: dict[CallTrace, list[Request]] = {}
    for request in batch:
        if request.trace is not None:
            by_trace.setdefault(request.trace, []).append(request)
    if not by_trace:
        return
    from ..observe.spans import Batch, Part, predicted

    parts = {
        one: Part(
            items=sum(request.size for request in requests),
            queued=min(request.admitted_at for request in requests),
            encoding=(
                min(request.encoding_at for request in requests),
                max(request.ready_at for request in requests),
            ),
        )
        for one, requests in by_trace.items()
    }
    network = network_end(start, end)
    predicted(Batch(statistics.model, statistics.version, start, network, end), parts)
