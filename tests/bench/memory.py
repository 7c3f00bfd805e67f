"""Whether memory stays flat while a million rows pass."""

import os
import time
from concurrent.futures import Future
from dataclasses import dataclass

import psutil

from . import load
from .models import PENGUINS, many_items
from .processes import pinned_pool
from .sample import Sample
from .servers import Served

ROWS = 1_000_000

_WARM_UP_ROWS = 10_000
_LONGEST = 100.0
_SECONDS_BETWEEN_LOOKS = 0.02
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Growth:
    """How far resident memory rose above what it was before.

    Attributes:
        rows: how many rows were answered.
        rate: rows a second.
        client_mb: the client's growth, in 10^6 bytes.
        server_mb: the server's growth, in 10^6 bytes.
    """

    rows: int
    rate: float
    client_mb: float
    server_mb: float


def measure_growth(server: Served, client_core: int | None) -> Growth:
    """Send the rows from a fresh client; the frame of them is there before, and a few were sent."""
    with pinned_pool(client_core) as client:
        client.submit(_make_rows).result()
        client.submit(load.sample_bulk, server, PENGUINS, _WARM_UP_ROWS, _LONGEST).result()
        processes = [psutil.Process(client.submit(os.getpid).result()), psutil.Process(server.pid)]
        job = client.submit(load.sample_bulk, server, PENGUINS, ROWS, _LONGEST)
        client_mb, server_mb = _growths(processes, job)
        sample = job.result()
    return Growth(sample.items, sample.rate, client_mb, server_mb)


def _make_rows() -> None:
    many_items(PENGUINS, ROWS)


def _growths(processes: list[psutil.Process], job: "Future[Sample]") -> list[float]:
    """Watch the processes until the job is done."""
    before = [process.memory_info().rss for process in processes]
    most = before
    while not job.done():
        now = [process.memory_info().rss for process in processes]
        most = list(map(max, most, now))
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    return [(after - first) / _MEGABYTE for after, first in zip(most, before, strict=True)]
