"""Injects faults into a server under load, and checks that each call ends as it may.

Usage: `python -m tests.chaos --minutes 10 --seed 1 --report docs/robustness.md`

Ends with 1 where an answer was wrong, a call hung or was lost, or one failed without a reason.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from .checker import Checker
from .fault import FAULTS, Fault
from .models import saved
from .report import Run, written
from .run import under_faults
from .site import site

# What is told may look like markup.
_say = Console(markup=False, highlight=False, soft_wrap=True).print
_HOME = Path(__file__).parents[2] / ".cache" / "chaos"
_MOST_MINUTES = 20.0


def main() -> int:
    """Run for as long as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of the names of the faults")
    parser.add_argument("--report", type=Path, help="the page whose report is written anew")
    chosen = parser.parse_args()
    if not 0 <= chosen.minutes <= _MOST_MINUTES:
        parser.error(f"--minutes: expected 0 to {_MOST_MINUTES:.0f}, got {chosen.minutes}")
    faults = [fault for fault in FAULTS if chosen.only in fault.name]
    run = _run(chosen.minutes * 60, chosen.seed, faults)
    _say(run.text())
    for one in run.faults:
        _say(one)
    if chosen.report:
        chosen.report.write_text(written(chosen.report.read_text(), run))
    return 1 if run.faults else 0


def _run(seconds: float, seed: int, faults: Sequence[Fault]) -> Run:
    store, oracle = saved(_HOME)
    checker, begun = Checker(oracle), time.monotonic()
    with site(store, checker) as place:
        log = asyncio.run(under_faults(place, oracle, faults, seconds, seed, _say))
        code = place.server.ended()
    if code:
        log.problems.append(f"the server ended with {code}")
    return Run(checker, log, place.server.told, time.monotonic() - begun)


if __name__ == "__main__":
    sys.exit(main())
