"""A part of the benchmark by itself: measured, and printed beside its targets."""

import sys
from collections.abc import Callable, Iterable
from statistics import median

from rich.console import Console
from rich.progress import Progress

from examples.demo.errors import DemoError

from .figures import Figures
from .models import PENGUINS, prepare, settle
from .processes import BenchError, Cores, pinned_pool
from .report import targets_table
from .rounds import Samples, shown_on
from .targets import Verdict


def run_alone(
    measure: Callable[[Cores, Progress], Samples], judge: Callable[[Figures], Iterable[Verdict]]
) -> None:
    """Measure servers of penguins, and print what each cell of it cost.

    Args:
        measure: measures them on some cores, and tells how far it is.
        judge: holds the figures against the targets.
    """
    settle()
    console, cores = Console(width=None if sys.stdout.isatty() else 150), Cores.choose()
    try:
        with pinned_pool(cores.contenders) as builder:
            builder.submit(prepare, PENGUINS.learner).result()
        with shown_on(console) as progress:
            samples = measure(cores, progress)
    except (BenchError, DemoError) as error:
        sys.exit(f"The benchmark stopped: {error}")
    console.print(targets_table(judge(Figures(samples))))
    for cell, ones in samples.items():
        work = median(one.cpu_us for one in ones)
        console.print(*cell, f"{work:.2f} us of a core an item", sep=", ")
