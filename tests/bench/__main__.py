"""Runs the benchmark, prints what came out beside the targets, and writes it down.

Usage: `python -m tests.bench quick`, from the root of the repository.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .agreement import check_agreement
from .contest import measures, opened
from .figures import Figures
from .machine import describe_machine
from .memory import measure_growth
from .models import CACHE, MODELS, prepare
from .processes import BenchError, Cores, pinned_pool
from .report import Result, figures_table, limits, targets_table, write_json, write_markdown
from .rounds import run_rounds
from .targets import judge

_FOLDER = Path("docs") / "benchmarks"
# With setting up and the memory row it stays below a quarter of an hour.
_LONGEST_ROUNDS = 9 * 60.0


def main() -> None:
    """Run it; exit with 0 unless something cannot be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("which", choices=["quick"], help="at most 15 minutes")
    parser.add_argument("--rounds", type=int, default=5, help="how often all is measured (5)")
    arguments = parser.parse_args()
    # For all processes that are started from here, before they import torch.
    os.environ |= {"OMP_NUM_THREADS": "1", "LEARNWIRE_HOME": str(CACHE / "store")}
    # Where there is no terminal there is no width to keep to.
    console = Console(width=None if sys.stdout.isatty() else 120)
    try:
        result = _run(console, arguments.rounds)
    except BenchError as error:
        sys.exit(f"The benchmark stopped: {error}")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    write_json(result, _FOLDER / f"{arguments.which}.json")
    write_markdown(result, _FOLDER / f"{arguments.which}.md")
    console.print(figures_table(result), targets_table(result), *limits(result), sep="\n")


def _run(console: Console, rounds: int) -> Result:
    begin = time.monotonic()
    cores = Cores.choose()
    machine = describe_machine(cores)
    with console.status("Preparing the models ..."), pinned_pool(cores.contenders) as builder:
        list(builder.map(prepare, MODELS))
    with opened(cores) as field, _progress(console) as progress:
        for model in MODELS:
            check_agreement(field, model)
        samples = run_rounds(measures(field), progress, rounds=rounds, longest=_LONGEST_ROUNDS)
        growth = measure_growth(field.learnwire, cores.client)
    verdicts = judge(Figures(samples), growth)
    return Result(machine, samples, growth, verdicts, (time.monotonic() - begin) / 60)


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[doing]}"),
    )
    return Progress(*columns, console=console, auto_refresh=False)


if __name__ == "__main__":
    main()
