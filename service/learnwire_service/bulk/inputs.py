"""An input file as values for a model."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from learnwire_client.errors import FieldError
from learnwire_client.inputs import Value, Values
from learnwire_client.model import Input, Model
from learnwire_client.rows import Cell, cell_path

from .errors import BulkRefused
from .records import Record, Row, read_records

Read = Callable[[Any], Value]


@dataclass(frozen=True)
class Source:
    """What a job asks.

    Attributes:
        path: the file, or the folder of images.
        read: makes a value of a record, or raises its FieldError.
        columns: of rows, those that the model takes; empty for all else.
    """

    path: Path
    read: Read
    columns: tuple[str, ...] = ()

    def gather(self, values: Iterable[Value]) -> Values:
        """Put the values in the form that is cheapest to send."""
        if not self.columns:
            return values
        # As objects, for each cell to keep its type whatever else its column holds.
        return pd.DataFrame(list(values), columns=list(self.columns), dtype=object)


def open_source(path: Path, model: Model, text_column: str | None) -> Source:
    """Match an input to what the model takes.

    Raises:
        BulkRefused: they do not fit.
    """
    kind = model.input.kind
    if text_column is not None and kind != "text":
        raise BulkRefused(f"{model.tag} takes no texts: leave --column away")
    if path.is_dir() and kind == "array" and model.input.encoded:
        return Source(path, _read_image)
    if path.is_dir() or kind not in ("text", "tabular"):
        raise BulkRefused(
            f"{model.tag} takes {kind or 'what this program does not know'}, which "
            f"{path} does not hold: see learnwire models show, or use the Python client"
        )
    if kind == "text":
        column = _text_column(path, text_column)
        return Source(path, lambda record: _read_text(record, column))
    _check_columns(path, [column.name for column in model.input.columns])
    return _table(path, model.input)


def _table(path: Path, described: Input) -> Source:
    # Only in a CSV file is all of it text.
    parsers = _PARSERS if path.suffix.lower() == ".csv" else {}
    cells = {column.name: parsers.get(column.type, _as_it_is) for column in described.columns}
    return Source(path, lambda record: _read_row(record, cells), tuple(cells))


def _first_row(path: Path) -> Row:
    return next((record for record in read_records(path) if isinstance(record, dict)), {})


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


def _read_row(record: Record, cells: dict[str, Callable[[Any], Cell]]) -> Value:
    row = _row(record)
    for name in cells:
        if name not in row:
            raise FieldError(f"row.{cell_path(name)}", "expected a cell, got nothing")
    return {name: None if row[name] is None else parse(row[name]) for name, parse in cells.items()}


def _read_text(record: Record, column: str) -> Value:
    text = _row(record).get(column)
    if isinstance(text, str):
        return text
    got = "nothing" if text is None else type(text).__name__
    raise FieldError(f"row.{cell_path(column)}", f"expected a text, got {got}")


def _row(record: Record) -> Row:
    if isinstance(record, FieldError):
        raise record
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


def _as_it_is(cell: Any) -> Any:
    return cell


_PARSERS: dict[str, Callable[[str], Cell]] = {"integer": _number, "float": _number, "bool": _bool}
