"""The output and its errors' file, put together from the parts."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from .answers import FAULT_COLUMNS
from .parts import Parts

_CSV = csv.WriteOptions(quoting_style="needed")
_WRITERS: dict[str, Callable[[Path, Any], Any]] = {
    ".csv": lambda path, schema: csv.CSVWriter(path, schema, write_options=_CSV),
    ".parquet": parquet.ParquetWriter,
}
OUTPUT_SUFFIXES = tuple(_WRITERS)


def errors_path(output: Path) -> Path:
    """Name the file of an output's bad rows: out.errors.csv beside out.csv."""
    return output.with_suffix(".errors.csv")


def assemble(parts: Parts, output: Path, schema: Any) -> int:
    """Write the output, and the errors' file where rows are bad; return how many are."""
    errors = errors_path(output)
    bad = sum(len(table) for table in _bad_rows(parts))
    if bad:
        parts.write(
            errors, lambda path: _write(path, ".csv", _bad_schema(schema), _bad_rows(parts))
        )
    else:
        errors.unlink(missing_ok=True)
    answers = (table.drop_columns(list(FAULT_COLUMNS)) for table in _tables(parts))
    wanted = pa.schema([field for field in schema if field.name not in FAULT_COLUMNS])
    parts.write(output, lambda path: _write(path, output.suffix.lower(), wanted, answers))
    return bad


def _tables(parts: Parts) -> Iterator[Any]:
    return (parquet.ParquetFile(part).read() for part in parts)


def _bad_rows(parts: Parts) -> Iterator[Any]:
    for part in parts:
        file = parquet.ParquetFile(part)
        table = file.read([*_bad_schema(file.schema_arrow).names, "error"])
        yield table.filter(pc.is_valid(table["error"])).drop_columns("error")


def _bad_schema(schema: Any) -> Any:
    wanted = ("row", "file", *FAULT_COLUMNS)
    return pa.schema([field for field in schema if field.name in wanted])


def _write(path: Path, suffix: str, schema: Any, tables: Iterable[Any]) -> None:
    with _WRITERS[suffix](path, schema) as writer:
        for table in tables:
            writer.write_table(table)
