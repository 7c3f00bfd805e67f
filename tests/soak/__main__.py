"""Leaves a server under a mixed load, and tells whether what it holds grows.

Usage: `python -m tests.soak --minutes 30 --seed 1`
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.fuzz.models import saved, swapped
from tests.watched import PATIENT, Held, Watched, watched

from .load import Load

# What is told may look like markup.
_say = Console(markup=False, highlight=False, soft_wrap=True).print
_HOME = Path(__file__).parents[2] / ".cache" / "fuzz"
_CALLERS = 6
_SAMPLES = 200
# The first part of the time fills caches; then what is held at both ends of the rest is compared.
_WARM_UP, _AT_AN_END = 0.25, 0.1
_MORE_BYTES = 0.02
# The callers come and go; and the pool of gRPC's threads breathes.
_MORE_FILES, _MORE_THREADS = 5, 15


def main() -> int:
    """Run for as long as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    items = saved(_HOME)
    versions = swapped(_HOME)
    # Both answer alike, so whichever is asked is right.
    items = {**items, "swapped": items["rows-to-a-label"]}
    served = [name for name in items if name != "swapped"]
    with watched(*served, versions[0], "tests/fuzz/endpoints.py:svc", *PATIENT) as server:
        load = Load(server.target, items, versions)
        samples = asyncio.run(soak(server, load, chosen.minutes * 60, chosen.seed))
        code = server.ended()
    faults = [*load.faults, *(f"log: {one}" for one in server.faults), *grown(samples)]
    if code:
        faults.append(f"the server ended with {code}")
    _say(f"{load.calls.total()} calls: {dict(load.calls)}")
    for one in faults:
        _say(one)
    _say(f"{len(faults)} faults")
    return 1 if faults else 0


async def soak(server: Watched, load: Load, seconds: float, seed: int) -> list[Held]:
    """Leave a server under the load for so long, and tell what it held all the while."""
    stop = asyncio.Event()
    calling = asyncio.create_task(load.run(_CALLERS, stop, seed))
    samples: list[Held] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and not calling.done():
        await asyncio.sleep(seconds / _SAMPLES)
        samples.append(server.held())
        if len(samples) % 20 == 0:
            _say(f"{100 * len(samples) // _SAMPLES} %: {samples[-1]}")
    stop.set()
    await calling
    return samples


def grown(samples: Sequence[Held]) -> list[str]:
    """Tell what grew after the warm-up."""
    warm = samples[int(len(samples) * _WARM_UP) :]
    size = max(1, int(len(samples) * _AT_AN_END))
    before, after = _middle(warm[:size]), _middle(warm[-size:])
    _say(f"after warming up: {before}; at the end: {after}")
    faults = []
    if after.resident > before.resident * (1 + _MORE_BYTES):
        faults.append(f"memory grew by {after.resident / before.resident - 1:.1%}")
    if after.files > before.files + _MORE_FILES:
        faults.append("files stay open")
    if after.threads > before.threads + _MORE_THREADS:
        faults.append("threads stay")
    return faults


def _middle(samples: Sequence[Held]) -> Held:
    return Held(
        int(statistics.median(one.resident for one in samples)),
        int(statistics.median(one.files for one in samples)),
        int(statistics.median(one.threads for one in samples)),
    )


if __name__ == "__main__":
    sys.exit(main())
