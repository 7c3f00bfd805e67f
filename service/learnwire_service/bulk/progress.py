"""How far a bulk job is, on stderr: a bar for a person, lines for a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from .job import Progress


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Give what shows the progress of a job."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _print_line
        return
    columns = TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("rows")
        yield lambda rows, total: bar.update(task, completed=rows, total=total)


def _print_line(rows: int, total: int) -> None:
    sys.stderr.write(f"{rows} of {total} rows\n")
    sys.stderr.flush()
