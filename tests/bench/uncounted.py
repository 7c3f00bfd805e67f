"""`learnwire`, which counts nothing: what metrics cost is measured against it.

Usage: `python -m tests.bench.uncounted serve penguins`
"""

from typing import Any

from learnwire_service.cli.main import main
from learnwire_service.observe.counters import Counter, Gauge, Histogram, Recent
from learnwire_service.observe.requests import Requests


def nothing(*_: Any) -> None:
    """Stand for what counts."""


if __name__ == "__main__":
    # The worker is a fork of this process.
    for counting in (Counter, Gauge, Recent, Histogram, Requests):
        for method in ("inc", "dec", "set", "observe", "begin", "end"):
            if method in vars(counting):
                setattr(counting, method, nothing)
    main()
