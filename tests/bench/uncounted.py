"""`learnwire`, which does not count metrics, or drift: what that costs is measured against it.

Usage: `python -m tests.bench.uncounted metrics serve penguins`
"""

import sys
from typing import Any

from learnwire_service.cli.main import main
from learnwire_service.observe.counters import Counter, Gauge, Histogram, Recent
from learnwire_service.observe.requests import Requests
from learnwire_service.observe.watch import Watch

_COUNTS = ("inc", "dec", "set", "observe", "begin", "end")
_LEFT_OUT: dict[str, tuple[tuple[type[Any], ...], tuple[str, ...]]] = {
    "metrics": ((Counter, Gauge, Recent, Histogram, Requests), _COUNTS),
    "drift": (
        (Watch,),
        ("saw", "saw_columns", "refused", "measured", "answered", "answered_all"),
    ),
}


def nothing(*_: Any) -> None:
    """Stand for what counts."""


if __name__ == "__main__":
    # The worker is a fork of this process.
    kinds, methods = _LEFT_OUT[sys.argv.pop(1)]
    for kind in kinds:
        for method in methods:
            if method in vars(kind):
                setattr(kind, method, nothing)
    main()
