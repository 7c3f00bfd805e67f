"""Programs with many threads on one client, each asking for one item after the other."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

from learnwire_client import Client

from .models import Model, single_items
from .sample import Sample
from .servers import Served
from .usage import with_use
from .wire import explained


def sample_threads(
    served: Served, model: Model, threads: int, seconds: float, *, coalesce: bool
) -> Sample:
    """Time `client.predict` of so many threads, whose calls share a stream or do not."""
    items = single_items(model)
    start = Barrier(threads)

    def ask(client: Client, first: int) -> list[float]:
        start.wait()
        end = time.perf_counter() + seconds
        times: list[float] = []
        while len(times) < 2 or times[-1] <= end:
            client.predict(model.tag, items[(first + len(times)) % len(items)])
            times.append(time.perf_counter())
        return times

    def take() -> Sample:
        with (
            Client(served.target, coalesce=coalesce) as client,
            ThreadPoolExecutor(threads) as pool,
        ):
            return Sample.of_callers(list(pool.map(partial(ask, client), range(threads))))

    with explained(served):
        return with_use(served, take)
