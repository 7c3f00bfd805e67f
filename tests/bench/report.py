"""The report: one result as tables on the terminal, and as Markdown."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.table import Table

from .contest import Cell
from .figures import Spread
from .footprint import Footprint
from .numbers import number
from .plots import PLOTS
from .result import Result, limits
from .sample import Sample
from .targets import Verdict

_TARGET_COLUMNS = ("measured", "against", "target", "median", "range", "met")
_FIGURE_COLUMNS = (
    *("model", "contender", "load", "items/s", "range"),
    *("p50 ms", "p95 ms", "p99 ms", "busy %", "CPU us/item"),
)
_FOOTPRINT_COLUMNS = (
    *("server", "start, s", "range", "of a core, s", "memory, MB", "range"),
    *("of its largest process alone, MB", "processes"),
)


def targets_table(verdicts: Iterable[Verdict]) -> Table:
    """Lay out the targets beside the figures."""
    table = _table(_TARGET_COLUMNS, 3)
    for verdict in verdicts:
        *cells, met = _target_cells(verdict)
        table.add_row(*cells, f"[green]{met}[/]" if verdict.met else f"[bold red]{met}[/]")
    return table


def figures_table(result: Result) -> Table:
    """Lay out every contender under every load."""
    table = _table(_FIGURE_COLUMNS, 3)
    for cell, samples in result.samples.items():
        table.add_row(*_figure_cells(cell, samples))
    return table


def write_markdown(result: Result, path: Path) -> None:
    """Write the tables, and how the figures came about."""
    path.write_text("\n".join(_markdown(result)) + "\n")


def _markdown(result: Result) -> Iterator[str]:
    name = result.scope.name
    yield f"# The {name} benchmark"
    yield ""
    yield (
        f"One run of `{result.scope.command}`: {result.rounds} rounds, {result.minutes:.0f} "
        f"minutes, measured [like this](README.md). The samples of each round stand in "
        f"[{name}.json]({name}.json)."
    )
    yield "\n## Targets\n"
    yield from targets_markdown(result.verdicts)
    if result.scope.full:
        for plot in PLOTS:
            yield f"\n## {plot.title}\n"
            yield f"![{plot.title}]({plot.file})"
    yield "\n## All figures\n"
    cells = (_figure_cells(cell, samples) for cell, samples in result.samples.items())
    yield from markdown_table(_FIGURE_COLUMNS, cells, words=3)
    if result.footprints:
        yield "\n## Start and memory\n"
        rows = map(_footprint_cells, result.footprints.values())
        yield from markdown_table(_FOOTPRINT_COLUMNS, rows, words=1)
    yield "\n## This run\n"
    yield from (f"- {limit}" for limit in limits(result))
    yield "\n## Machine\n"
    yield from markdown_table(("", ""), result.machine.items(), words=2)


def targets_markdown(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Write the targets beside the figures."""
    yield from markdown_table(_TARGET_COLUMNS, map(_target_cells, verdicts), words=3)


def markdown_table(
    columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], words: int
) -> Iterator[str]:
    """Write a table whose first columns are words; the others are figures, aligned to the right."""
    yield _markdown_row(columns)
    yield _markdown_row("---" if place < words else "---:" for place in range(len(columns)))
    yield from map(_markdown_row, rows)


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(columns: tuple[str, ...], words: int) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for place, column in enumerate(columns):
        is_words = place < words
        table.add_column(column, justify="left" if is_words else "right", no_wrap=not is_words)
    return table


def _target_cells(verdict: Verdict) -> tuple[str, ...]:
    sign = ">=" if verdict.at_least else "<="
    figure, unit = verdict.figure, verdict.unit
    return (
        verdict.what,
        verdict.against,
        f"{sign} {verdict.bound:,g} {unit}",
        f"{number(figure.median)} {unit}",
        _range(figure),
        "met" if verdict.met else "missed",
    )


def _figure_cells(cell: Cell, samples: list[Sample]) -> tuple[str, ...]:
    rates = Spread.of([sample.rate for sample in samples])
    percentiles = (
        median(getattr(sample, name) for sample in samples)
        for name in ("p50_ms", "p95_ms", "p99_ms")
    )
    cpu = median(sample.cpu_us for sample in samples)
    texts = (number(rates.median), _range(rates), *map(number, percentiles))
    return (*cell, *texts, _busy(samples), number(cpu))


def _footprint_cells(footprint: Footprint) -> tuple[str, ...]:
    seconds, megabytes = Spread.of(footprint.seconds), Spread.of(footprint.megabytes)
    return (
        footprint.contender,
        *(number(seconds.median), _range(seconds), number(median(footprint.worked))),
        *(number(megabytes.median), _range(megabytes), number(median(footprint.own))),
        str(footprint.processes),
    )


def _busy(samples: list[Sample]) -> str:
    """Give the contender's use of its core, and the client's of its own."""
    contender = f"{100 * median(one.busy for one in samples):.0f}"
    clients = [one.client_busy for one in samples if one.client_busy is not None]
    return f"{contender} + {100 * median(clients):.0f}" if clients else contender


def _range(spread: Spread) -> str:
    return f"{number(spread.least)} - {number(spread.most)}"
