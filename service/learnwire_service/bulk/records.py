"""The records of an input file, one by one: cheap to read, not yet what a model takes."""

import csv
import json
import mimetypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa
from learnwire_client.errors import FieldError
from pyarrow import parquet

from .errors import BulkRefused

Row: TypeAlias = dict[str, Any]


class Line(NamedTuple):
    """A line of a CSV file.

    Attributes:
        names: those of all columns.
        cells: as many, "" where there is none.
    """

    names: list[str]
    cells: list[str]

    def as_row(self) -> Row:
        """Give the cells by their names, None where there is none."""
        return {name: cell or None for name, cell in zip(self.names, self.cells, strict=True)}


# A row, a line, an image's file, or why there is none of them in this place.
Record: TypeAlias = Row | Line | Path | FieldError

_BATCH_ROWS = 1000


def read_records(path: Path) -> Iterator[Record]:
    """Give the records of a file, or the images below a folder in the order of their names.

    Raises:
        BulkRefused: the file is not of the format that its name says.
    """
    with _readable(path):
        yield from images(path) if path.is_dir() else _READERS[path.suffix.lower()](path)


def count_records(path: Path) -> int:
    """Count the records, and look at all of them; see `read_records`."""
    if path.is_dir() or path.suffix.lower() != ".csv":
        return sum(1 for _ in read_records(path))
    with _readable(path), _opened_csv(path) as (_, lines):
        return sum(1 for _ in lines)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise BulkRefused(f"{path} cannot be read: {error}") from error


def _csv(path: Path) -> Iterator[Record]:
    with _opened_csv(path) as (names, lines):
        for cells in lines:
            if len(cells) == len(names):
                yield Line(names, cells)
            else:
                yield FieldError("row", f"expected {len(names)} cells, got {len(cells)}")


@contextmanager
def _opened_csv(path: Path) -> Iterator[tuple[list[str], Iterator[list[str]]]]:
    """Give the names in the header, and the cells of each line; blank ones are none."""
    # A text may be longer than the module's usual limit.
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        names = next(lines, [])
        if len(set(names)) < len(names):
            raise BulkRefused(f"{path} cannot be read: a column's name stands twice in its header")
        yield names, filter(None, lines)


def _jsonl(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            yield _json_row(line)


def _json_row(line: str) -> Row | FieldError:
    try:
        row = json.loads(line)
    except ValueError as error:
        return FieldError("row", f"expected a JSON object, got no JSON: {error}")
    if isinstance(row, dict):
        return row
    return FieldError("row", f"expected a JSON object, got {line.strip()[:50]}")


def _parquet(path: Path) -> Iterator[Record]:
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            yield from batch.to_pylist()


def images(folder: Path) -> list[Path]:
    """List the images below a folder, which are known by the ends of their names."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if _is_image(path))


def _is_image(path: Path) -> bool:
    return (mimetypes.guess_type(path.name)[0] or "").startswith("image/")


_READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
INPUT_SUFFIXES = tuple(_READERS)
