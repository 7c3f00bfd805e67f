"""Many rows in columns: from a frame to a frame, and from a CSV file to a CSV file."""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pandas as pd
from learnwire_client import Client

from .models import CACHE, Model, many_items
from .sample import Sample
from .servers import Served
from .usage import with_use
from .wire import explained

ROWS = 1_000_000

# For the round that does not count.
_FEW_ROWS = 10_000


def sample_frame(served: Served, model: Model, seconds: float) -> Sample:
    """Time one `client.predict_frame`: all rows, however many seconds that takes, or a few in 0."""
    frame = many_items(model, _rows(seconds))

    def ask() -> None:
        with Client(served.target, timeout=None) as client:
            client.predict_frame(model.tag, frame)

    with explained(served):
        return with_use(served, partial(_timed, ask, len(frame)))


def sample_file(served: Served, model: Model, seconds: float) -> Sample:
    """Time one `learnwire predict --file`, with its start; see `sample_frame`."""
    rows = _rows(seconds)
    command = [sys.executable, "-m", "learnwire_service", "predict", model.tag]
    files = ["--file", str(_file(model, rows)), "-o", str(CACHE / "answers.csv")]
    ask = partial(
        subprocess.run,
        [*command, *files, "--target", served.target],
        check=True,
        capture_output=True,
    )
    with explained(served):
        return with_use(served, partial(_timed, ask, rows))


def sample_pandas(model: Model, seconds: float) -> Sample:
    """Time pandas, which reads the same file and writes it again."""
    rows = _rows(seconds)
    path = _file(model, rows)
    return _timed(lambda: pd.read_csv(path).to_csv(CACHE / "again.csv", index=False), rows)


def _rows(seconds: float) -> int:
    return ROWS if seconds else _FEW_ROWS


@cache
def _file(model: Model, rows: int) -> Path:
    path = CACHE / f"{model.name}-{rows}.csv"
    many_items(model, rows).to_csv(path, index=False)
    return path


def _timed(work: Callable[[], object], rows: int) -> Sample:
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    return Sample.of(rows / seconds, [seconds], rows)
