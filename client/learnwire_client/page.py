"""Pages for people: lines, and tables among them, as text or as HTML for notebooks."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple, TypeAlias


class Table(NamedTuple):
    """Rows of cells, all of the same length.

    Attributes:
        rows: they, the head first where there is one.
        has_head: whether there is.
    """

    rows: Sequence[tuple[str, ...]]
    has_head: bool = True


# A title, then what else there is to tell.
Page: TypeAlias = Iterable[str | Table]


def as_text(page: Page) -> str:
    """Write a page as lines of text, its tables indented."""
    return "\n".join(line for part in page for line in _lines(part))


def as_html(page: Page) -> str:
    """Write a page as HTML that needs nothing else; what is in it is escaped."""
    title, *rest = page
    head = f"<strong>{escape(str(title))}</strong>"
    return f'<div style="white-space: pre-wrap">{head}{"".join(map(_html, rest))}</div>'


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Give a line for each row, in columns two spaces apart, of which nothing is cut."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()


def _lines(part: str | Table) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    else:
        yield from (f"  {line}".rstrip() for line in aligned(part.rows))


def _html(part: str | Table) -> str:
    if isinstance(part, str):
        return f"<div>{escape(part)}</div>"
    rows = (
        _row(row, "th" if part.has_head and i == 0 else "td") for i, row in enumerate(part.rows)
    )
    return f"<table>{''.join(rows)}</table>"


def _row(row: tuple[str, ...], tag: str) -> str:
    cells = (f'<{tag} style="text-align: left">{escape(cell)}</{tag}>' for cell in row)
    return f"<tr>{''.join(cells)}</tr>"
