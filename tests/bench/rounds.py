"""The rounds: all contenders in turn, over and over, so that a drift of the machine hits all."""

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .contest import Cell
from .programme import Measure
from .sample import Sample

Samples: TypeAlias = dict[Cell, list[Sample]]


def shown_on(console: Console) -> Progress:
    """Make the bar that tells how far the rounds are."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[doing]}"),
    )
    return Progress(*columns, console=console, auto_refresh=False)


def run_rounds(
    measures: Mapping[Cell, Measure], progress: Progress, *, rounds: int, longest: float
) -> Samples:
    """Take one sample of each in each round, every other round backwards.

    Before them comes a short round that does not count. No round is begun that would end later
    than the longest time.
    """
    _run_round(measures, progress, "warming up", share=0)
    samples: Samples = defaultdict(list)
    begin = time.monotonic()
    for number in range(rounds):
        order = dict(list(measures.items())[:: -1 if number % 2 else 1])
        for cell, sample in _run_round(order, progress, f"round {number + 1} of {rounds}").items():
            samples[cell].append(sample)
        spent = time.monotonic() - begin
        if spent + spent / (number + 1) > longest:
            break
    return samples


def _run_round(
    measures: Mapping[Cell, Measure], progress: Progress, title: str, share: float = 1
) -> dict[Cell, Sample]:
    if not progress.console.is_terminal:
        progress.console.print(title)
    task = progress.add_task(title, total=len(measures), doing="")
    taken: dict[Cell, Sample] = {}
    for cell, measure in measures.items():
        # Shown between the measurements: a bar that moves by itself would take from their time.
        progress.update(task, doing=", ".join(cell), refresh=True)
        taken[cell] = measure(share)
        progress.update(task, advance=1, doing="", refresh=True)
    return taken
