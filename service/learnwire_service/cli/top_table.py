"""What servers do, as a table for the terminal."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from learnwire_client.statistics import number_text
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .watched import Rates, Watched

_DOWN, _NEW = "down", "-"
_ALARM = "bold red"


class _Column(NamedTuple):
    """A column.

    Attributes:
        head: what it tells, with its unit below.
        cell: gives what stands there.
        least: how wide the terminal is where it is shown.
        alarm: whether what is above zero there asks for attention.
    """

    head: str
    cell: Callable[[Rates], float | None]
    least: int = 0
    alarm: bool = False


_COLUMNS = (
    _Column("calls\n/s", lambda one: one.calls),
    _Column("p50\nms", lambda one: _milliseconds(one.p50), least=50),
    _Column("p99\nms", lambda one: _milliseconds(one.p99)),
    _Column("items\n/s", lambda one: one.items, least=70),
    _Column("queue\n", lambda one: one.waiting),
    _Column("batch\n", lambda one: one.batch, least=70),
    _Column("refused\n/s", lambda one: one.refused, alarm=True),
    _Column("failed\n/s", lambda one: one.failed, least=60, alarm=True),
)
_FIGURE = 5
_LEAST_FOR_PROCESSES = 90


def page(servers: Iterable[Watched], width: int) -> RenderableType:
    """Lay out what servers did between their last two looks.

    Args:
        servers: whom to tell of.
        width: the terminal's, in characters; what has no room is left out.
    """
    servers = list(servers)
    columns = [one for one in _COLUMNS if one.least <= width]
    table = Table(box=None, pad_edge=False, padding=(0, 2 if width >= 100 else 1, 0, 0))
    table.add_column("server\n  model", no_wrap=True, overflow="ellipsis")
    heads = [*(column.head for column in columns), "memory\nMB"]
    if shows_processes := width >= _LEAST_FOR_PROCESSES:
        heads.append("processes\n")
    for head in heads:
        # Names are cut, and no figures.
        least = max(_FIGURE, *map(len, head.split()))
        table.add_column(head, justify="right", no_wrap=True, min_width=least)
    for server in servers:
        for row in _rows(server, columns):
            table.add_row(*(row if shows_processes else row[:-1]))
    problems = [f"{one.target}: {problem}" for one in servers if (problem := _problem(one))]
    return Group(table, *(Text(one, _ALARM) for one in problems))


def _problem(server: Watched) -> str:
    limit = server.now.server.memory_limit if server.now else None
    if limit is None or not limit.refused:
        return server.problem
    held, most = (number_text(one / 1e6) for one in (limit.held_bytes, limit.limit_bytes))
    return f"{held} of {most} MB are held: new {limit.refused} are refused"


def _rows(server: Watched, columns: list[_Column]) -> Iterator[list[Text]]:
    name, empty = Text(server.target, "bold"), [Text() for _ in columns]
    if server.now is None:
        told = Text(_DOWN if not server.problem else "", _ALARM)
        yield [name, told, *empty[1:], Text(), Text()]
        return
    its = server.now.server
    yield [name, *empty, Text(number_text(its.memory_bytes / 1e6)), Text(f"{its.processes}")]
    for part, rates in server.rates().items():
        cells = [_cell(column, rates) for column in columns]
        yield [Text(f"  {part}"), *cells, Text(), Text()]


def _cell(column: _Column, rates: Rates | None) -> Text:
    value = None if rates is None else column.cell(rates)
    if value is None:
        return Text(_NEW, "dim")
    return Text(number_text(value), _ALARM if column.alarm and value else "")


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
