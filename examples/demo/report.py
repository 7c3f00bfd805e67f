"""The table that the demo prints."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from .compare import Answer, Comparison


def table_of(comparisons: Sequence[Comparison]) -> Table:
    """Lay out the answers of one model, one row an item; it fits 80 columns."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("item", max_width=40)
    for way in ("learner.predict", "client", "grpcurl"):
        table.add_column(way, no_wrap=True)
    table.add_column("differ by", justify="right", no_wrap=True)
    for comparison in comparisons:
        table.add_row(
            Text(comparison.item.name, no_wrap=True, overflow="ellipsis"),
            _cell(comparison.truth),
            _cell(comparison.client),
            _cell(comparison.grpcurl),
            f"{comparison.difference:.0e} " + ("[green]✓[/]" if comparison.agrees else "[red]✗[/]"),
        )
    return table


def _cell(answer: Answer) -> Text:
    return Text(f"{answer.label} {answer.probabilities[answer.index]:.3f}")
