"""Runs the benchmark, prints what came out beside the targets, and writes it down.

Usage: `python -m tests.bench quick`, or `full`, from the root of the repository.
"""

import argparse
import signal
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from examples.demo.errors import DemoError

from . import bento, servers
from .added import measure_added
from .agreement import check_agreement
from .batches import measure_batches
from .contest import ALONE, BENTOML, LEARNWIRE, TWO_ALONE, TWO_WORKERS, opened
from .encoding import measure_encoding
from .footprint import Footprint, measure_footprint
from .installed import Installed, measure_archives, measure_installations
from .machine import describe_machine
from .memory import measure_growth
from .metered import measure_metrics
from .models import PENGUINS, SENTIMENT, backend, prepare, settle
from .over_http import measure_http
from .plots import write_plots
from .processes import BenchError, Cores, pinned_pool
from .programme import SERVED, measures
from .readme import write_summary
from .report import figures_table, targets_table, write_markdown
from .result import Result, limits, write_json
from .rounds import run_rounds, shown_on
from .scope import SCOPES, Scope
from .secured import measure_security

_FOLDER = Path("docs") / "benchmarks"
_README = Path("README.md")


def main() -> None:
    """Run it; exit with 0 unless something cannot be measured."""
    scopes = {scope.name: scope for scope in SCOPES}
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("which", choices=scopes, help="at most 15 minutes, or 60")
    parser.add_argument("--rounds", type=int, help="how often all is measured")
    arguments = parser.parse_args()
    scope = scopes[arguments.which]
    if arguments.rounds:
        scope = replace(scope, rounds=arguments.rounds)
    # So that the servers are ended then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was stopped"))
    settle()
    # Where there is no terminal there is no width to keep to.
    console = Console(width=None if sys.stdout.isatty() else 150)
    try:
        result = _run(console, scope)
    except (BenchError, DemoError) as error:
        sys.exit(f"The benchmark stopped: {error}")
    except BrokenProcessPool:
        sys.exit("The benchmark stopped: one of its processes died, perhaps for lack of memory")
    _write(result)
    console.print(figures_table(result), targets_table(result.verdicts), *limits(result), sep="\n")


def _run(console: Console, scope: Scope) -> Result:
    begin = time.monotonic()
    cores = Cores.choose()
    machine = describe_machine(cores)
    console.print("Preparing the models ...")
    with pinned_pool(cores.contenders) as builder:
        list(builder.map(prepare, scope.learners))
        backends = list(builder.map(backend, scope.learners))
    left_out, footprints = list[str](), dict[str, Footprint]()
    encoding, installed = None, dict[str, Installed]()
    if scope.full:
        console.print("Preparing BentoML ...")
        left_out = _prepare_bentoml()
        console.print(*left_out, "Starting servers, over and over ...", sep="\n")
        footprints = _footprints(cores, with_bentoml=not left_out)
        encoding = measure_encoding(cores.contenders)
        installed = measure_installations(SENTIMENT)
    with_bentoml = scope.full and not left_out
    console.print("Starting the contenders, comparing their answers ...")
    with opened(cores, scope, with_bentoml=with_bentoml) as field, shown_on(console) as progress:
        for model in scope.models:
            check_agreement(field, model)
        figures = measures(field, scope)
        samples = run_rounds(figures, progress, rounds=scope.rounds, longest=scope.longest)
        console.print("Measuring batches and memory ...")
        batches = measure_batches(field, scope, SERVED) if scope.full else []
        growth = measure_growth(field.learnwire, cores.client)
    if scope.full:
        console.print("Measuring what a call takes above a server that does nothing ...")
        with shown_on(console) as progress:
            samples |= measure_added(cores, progress)
        console.print("Measuring what TLS and a token cost ...")
        with shown_on(console) as progress:
            samples |= measure_security(cores, progress)
        console.print("Measuring what metrics, drift and traces cost ...")
        with shown_on(console) as progress:
            samples |= measure_metrics(cores, progress)
        console.print("Measuring what calls over HTTP cost ...")
        with shown_on(console) as progress:
            samples |= measure_http(cores, progress)
    return Result(
        scope=scope,
        machine=machine,
        samples=samples,
        growth=growth,
        batches=batches,
        footprints=footprints,
        backends={one.name: its for one, its in zip(scope.learners, backends, strict=True)},
        encoding=encoding,
        installed=installed,
        archives=measure_archives([PENGUINS]) if scope.full else {},
        left_out=left_out,
        minutes=(time.monotonic() - begin) / 60,
    )


def _prepare_bentoml() -> list[str]:
    """Install it and give it the models; where that fails the rest goes on without it."""
    try:
        bento.install()
        bento.save([model.learner for model in SERVED])
    except BenchError as error:
        return [f"{error}. It is left out, and so are its targets."]
    return []


def _footprints(cores: Cores, *, with_bentoml: bool) -> dict[str, Footprint]:
    tags, alone = [model.tag for model in SERVED], (PENGUINS,)
    programs = {
        LEARNWIRE: (servers.learnwire(*tags), SERVED),
        TWO_WORKERS: (servers.learnwire(*tags, workers=2), SERVED),
        ALONE: (servers.learnwire(PENGUINS.tag), alone),
        TWO_ALONE: (servers.learnwire(PENGUINS.tag, workers=2), alone),
    }
    if with_bentoml:
        programs[BENTOML] = (bento.program(), SERVED)
    return {
        name: measure_footprint(name, program, models, cores)
        for name, (program, models) in programs.items()
    }


def _write(result: Result) -> None:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    write_json(result, _FOLDER / f"{result.scope.name}.json")
    write_markdown(result, _FOLDER / f"{result.scope.name}.md")
    if result.scope.full:
        write_plots(result, _FOLDER)
        write_summary(result, _README)


if __name__ == "__main__":
    main()
