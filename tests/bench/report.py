"""The report: one result as tables on the terminal, as Markdown, and as JSON."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.table import Table

from .contest import BARE, NOOP, Cell, in_flight
from .figures import Spread
from .memory import ROWS, Growth
from .method import METHOD
from .models import PENGUINS
from .rounds import Samples
from .sample import Sample
from .targets import Verdict

_TARGET_COLUMNS = ("measured", "against", "target", "median", "range", "met")
_FIGURE_COLUMNS = ("model", "contender", "load", "items/s", "range", "p50 ms", "p95 ms", "busy %")
# So many columns are words; the others are figures, aligned to the right.
_WORDS = 3


@dataclass(frozen=True)
class Result:
    """All that one run found."""

    machine: dict[str, str]
    samples: Samples
    growth: Growth
    verdicts: list[Verdict]
    minutes: float

    @property
    def rounds(self) -> int:
        """How many rounds were counted."""
        return len(next(iter(self.samples.values())))


def targets_table(result: Result) -> Table:
    """Lay out the targets beside the figures."""
    table = _table(_TARGET_COLUMNS)
    for verdict in result.verdicts:
        *cells, met = _target_cells(verdict)
        table.add_row(*cells, f"[green]{met}[/]" if verdict.met else f"[bold red]{met}[/]")
    return table


def figures_table(result: Result) -> Table:
    """Lay out every contender under every load."""
    table = _table(_FIGURE_COLUMNS)
    for cell, samples in result.samples.items():
        table.add_row(*_figure_cells(cell, samples))
    return table


def write_json(result: Result, path: Path) -> None:
    """Write everything, each sample of each round too."""
    document = {
        "machine": result.machine,
        "minutes": round(result.minutes, 1),
        "rounds": result.rounds,
        "targets": [{**asdict(verdict), "met": verdict.met} for verdict in result.verdicts],
        "memory": asdict(result.growth),
        "samples": [
            {**cell._asdict(), "rounds": [asdict(sample) for sample in samples]}
            for cell, samples in result.samples.items()
        ],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def write_markdown(result: Result, path: Path) -> None:
    """Write the tables, and how the figures came about."""
    path.write_text("\n".join(_markdown(result)) + "\n")


def limits(result: Result) -> list[str]:
    """Tell what to know about this run's figures."""
    noop = result.samples[Cell(PENGUINS.name, NOOP, in_flight(16))]
    client, server = median(one.client_busy or 0 for one in noop), median(one.busy for one in noop)
    limit = "the client is the limit" if client > server else "the server is the limit"
    bare = [one for cell, ones in result.samples.items() if cell.contender == BARE for one in ones]
    return [
        f"Against the noop server with 16 in flight the client used {client:.0%} of its core and "
        f"the server {server:.0%} of its own: {limit}.",
        f"The bare model, which never waits, got {median(one.busy for one in bare):.0%} of its "
        f"core, {min(one.busy for one in bare):.0%} at the least: what is missing from 100% "
        "others used, and then these figures are worth little.",
        f"For the memory row {result.growth.rows:,} of {ROWS:,} rows passed, "
        f"at {result.growth.rate:,.0f} rows/s.",
    ]


def _markdown(result: Result) -> Iterator[str]:
    yield "# The quick benchmark"
    yield ""
    yield (
        f"One run of `make bench-quick`: {result.rounds} rounds, {result.minutes:.0f} minutes. "
        "The samples of each round stand in [quick.json](quick.json)."
    )
    yield "\n## Targets\n"
    yield from _markdown_table(_TARGET_COLUMNS, map(_target_cells, result.verdicts))
    yield "\n## All figures\n"
    cells = (_figure_cells(cell, samples) for cell, samples in result.samples.items())
    yield from _markdown_table(_FIGURE_COLUMNS, cells)
    yield "\n## This run\n"
    yield from (f"- {limit}" for limit in limits(result))
    yield "\n## How it is measured\n"
    yield METHOD
    yield "\n## Machine\n"
    yield from _markdown_table(("", ""), result.machine.items())


def _markdown_table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _markdown_row(columns)
    yield _markdown_row("---" if number < _WORDS else "---:" for number in range(len(columns)))
    yield from map(_markdown_row, rows)


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(columns: tuple[str, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for number, column in enumerate(columns):
        words = number < _WORDS
        table.add_column(column, justify="left" if words else "right", no_wrap=not words)
    return table


def _target_cells(verdict: Verdict) -> tuple[str, ...]:
    sign = ">=" if verdict.at_least else "<="
    figure, unit = verdict.figure, verdict.unit
    return (
        verdict.what,
        verdict.against,
        f"{sign} {verdict.bound:g} {unit}",
        f"{_number(figure.median)} {unit}",
        _range(figure),
        "met" if verdict.met else "missed",
    )


def _figure_cells(cell: Cell, samples: list[Sample]) -> tuple[str, ...]:
    rates = Spread.of([sample.rate for sample in samples])
    p50 = median(sample.p50_ms for sample in samples)
    p95 = median(sample.p95_ms for sample in samples)
    return (*cell, _number(rates.median), _range(rates), _number(p50), _number(p95), _busy(samples))


def _busy(samples: list[Sample]) -> str:
    """Give the contender's use of its core, and the client's of its own."""
    contender = f"{100 * median(one.busy for one in samples):.0f}"
    clients = [one.client_busy for one in samples if one.client_busy is not None]
    return f"{contender} + {100 * median(clients):.0f}" if clients else contender


def _range(spread: Spread) -> str:
    return f"{_number(spread.least)} - {_number(spread.most)}"


def _number(value: float) -> str:
    """Write three digits that count, and no fewer than all of an integer part."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
