"""An input file as values for a model."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from learnwire_client import CallError, Client
from learnwire_client.answers import Answer
from learnwire_client.arrays import AnyArray
from learnwire_client.errors import FieldError
from learnwire_client.inputs import Value, invalid_input
from learnwire_client.model import Input, Model
from learnwire_client.rows import Cell, cell_path

from .errors import BulkRefused
from .records import Line, Record, Row, read_records

Read = Callable[[Any], Value]


class Source(ABC):
    """What a job asks."""

    @abstractmethod
    def ask(
        self, client: Client, model: Model, records: Sequence[Record]
    ) -> Iterator[Iterable[Answer]]:
        """Give each record's answer, run after run; one that makes no value is a fault."""


@dataclass(frozen=True)
class Values(Source):
    """Records that become values one by one.

    Attributes:
        read: makes a value of a record, or raises its FieldError.
        columns: of rows, those that the model takes; empty for all else.
    """

    read: Read
    columns: tuple[str, ...] = ()

    def ask(
        self, client: Client, model: Model, records: Sequence[Record]
    ) -> Iterator[Iterable[Answer]]:
        """See `Source`."""
        answers: dict[int, Answer] = {}
        asked: list[int] = []

        def values() -> Iterator[Value]:
            for place, record in enumerate(records):
                try:
                    value = self.read(record)
                except FieldError as error:
                    answers[place] = _fault(error)
                else:
                    asked.append(place)
                    yield value

        for number, answer in enumerate(client.predict_many(model.tag, self._gather(values()))):
            answers[asked[number]] = answer
        yield [answers[place] for place in range(len(records))]

    def _gather(self, values: Iterable[Value]) -> Any:
        """Put the values in the form that is cheapest to send."""
        if not self.columns:
            return values
        # As objects, for each cell to keep its type whatever else its column holds.
        return pd.DataFrame(list(values), columns=list(self.columns), dtype=object)


@dataclass(frozen=True)
class Lines(Source):
    """Lines of a CSV file that become the columns of a table.

    Attributes:
        parsers: make a cell of a column out of a str.
    """

    parsers: Mapping[str, Callable[[str], Cell]]

    def ask(
        self, client: Client, model: Model, records: Sequence[Record]
    ) -> Iterator[Iterable[Answer]]:
        """See `Source`."""
        lines = [record for record in records if isinstance(record, Line)]
        runs = client.predict_runs(model, self._frame(lines))
        if len(lines) == len(records):
            yield from runs
            return
        answers = chain.from_iterable(runs)
        yield (_fault(one) if isinstance(one, FieldError) else next(answers) for one in records)

    def _frame(self, lines: Sequence[Line]) -> pd.DataFrame:
        columns = (
            dict(zip(lines[0].names, zip(*(one.cells for one in lines), strict=True), strict=True))
            if lines
            else {}
        )
        cells = {
            name: _parsed(columns.get(name, ()), parse) for name, parse in self.parsers.items()
        }
        return pd.DataFrame(cells)


def _parsed(cells: Sequence[str], parse: Callable[[str], Cell]) -> AnyArray:
    """Parse the cells of a column, each of those that repeat once, to objects."""
    known = {cell: parse(cell) if cell else None for cell in set(cells)}
    # As objects, for each cell to keep its type whatever else its column holds.
    parsed: AnyArray = np.empty(len(cells), object)
    parsed[:] = [known[cell] for cell in cells]
    return parsed


def _fault(error: FieldError) -> CallError:
    return invalid_input("it cannot be sent", error.violation)


def open_source(path: Path, model: Model, text_column: str | None) -> Source:
    """Match an input to what the model takes.

    Raises:
        BulkRefused: they do not fit.
    """
    kind = model.input.kind
    if text_column is not None and kind != "text":
        raise BulkRefused(f"{model.tag} takes no texts: leave --column away")
    if path.is_dir() and kind == "array" and model.input.encoded:
        return Values(_read_image)
    if path.is_dir() or kind not in ("text", "tabular"):
        raise BulkRefused(
            f"{model.tag} takes {kind or 'what this program does not know'}, which "
            f"{path} does not hold: see learnwire models show, or use the Python client"
        )
    if kind == "text":
        column = _text_column(path, text_column)
        return Values(lambda record: _read_text(record, column))
    _check_columns(path, [column.name for column in model.input.columns])
    return _table(path, model.input)


def _table(path: Path, described: Input) -> Source:
    # Only in a CSV file is all of it text.
    if path.suffix.lower() == ".csv":
        return Lines({one.name: _PARSERS.get(one.type, _as_it_is) for one in described.columns})
    names = tuple(column.name for column in described.columns)
    return Values(lambda record: _read_row(record, names), names)


def _first_row(path: Path) -> Row:
    records = (record for record in read_records(path) if not isinstance(record, FieldError))
    return next(map(_row, records), {})


def _check_columns(path: Path, names: list[str]) -> None:
    """Refuse a table without a column; in JSON Lines each row has columns of its own."""
    row = _first_row(path)
    missing = [name for name in names if name not in row]
    if row and missing and path.suffix.lower() != ".jsonl":
        raise BulkRefused(f"{path} has no column {', '.join(missing)}; it has {', '.join(row)}")


def _text_column(path: Path, wanted: str | None) -> str:
    if wanted is not None:
        _check_columns(path, [wanted])
        return wanted
    row = _first_row(path)
    texts = [name for name, cell in row.items() if cell is None or isinstance(cell, str)]
    if row and len(texts) != 1:
        raise BulkRefused(
            f"{path} has {len(texts)} columns of texts ({', '.join(texts) or 'none'}): "
            "say with --column which one to ask"
        )
    return "".join(texts)


def _read_row(record: Record, names: Sequence[str]) -> Value:
    row = _row(record)
    for name in names:
        if name not in row:
            raise FieldError(f"row.{cell_path(name)}", "expected a cell, got nothing")
    return {name: row[name] for name in names}


def _read_text(record: Record, column: str) -> Value:
    text = _row(record).get(column)
    if isinstance(text, str):
        return text
    got = "nothing" if text is None else type(text).__name__
    raise FieldError(f"row.{cell_path(column)}", f"expected a text, got {got}")


def _row(record: Record) -> Row:
    if isinstance(record, FieldError):
        raise record
    if isinstance(record, Line):
        return record.as_row()
    assert isinstance(record, dict)  # noqa: S101 - only folders have other records
    return record


def _read_image(path: Path) -> Value:
    try:
        return np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise FieldError("file", f"expected a file that can be read: {error.strerror}") from None


def _number(cell: str) -> Cell:
    """Parse a number; the server refuses, and names, what is none."""
    for parse in (int, float):
        try:
            # Python's own literals are not what a table means by 1_000.
            return cell if "_" in cell else parse(cell)
        except ValueError:
            continue
    return cell


def _bool(cell: str) -> Cell:
    return {"true": True, "false": False}.get(cell.strip().lower(), cell)


def _as_it_is(cell: str) -> Cell:
    return cell


_PARSERS: dict[str, Callable[[str], Cell]] = {"integer": _number, "float": _number, "bool": _bool}
