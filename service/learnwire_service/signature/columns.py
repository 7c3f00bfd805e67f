"""Rows as columns: checked as arrays, without a Python object for each cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from learnwire_client.rows import Cell
from numpy.typing import NDArray

from .specs import CellType, Column, TabularInput
from .validation import MAX_EXACT_INTEGER, MAX_FLOAT32

NULL = -1


@dataclass(frozen=True)
class Cells:
    """The cells of one column.

    Attributes:
        values: bool, integer or float of any size, or str as objects; with indices each of the
            column's str once.
        valid: where there is a value; None where there is one everywhere.
        indices: where among the values each cell's stands; None where they are the cells.
    """

    values: NDArray[Any]
    valid: NDArray[np.bool_] | None = None
    indices: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.values if self.indices is None else self.indices)

    def __getitem__(self, rows: slice) -> "Cells":
        valid = None if self.valid is None else self.valid[rows]
        if self.indices is None:
            return Cells(self.values[rows], valid)
        return Cells(self.values, valid, self.indices[rows])

    def cell(self, row: int) -> Cell:
        """Give one of them."""
        if self.valid is not None and not self.valid[row]:
            return None
        value = self.values[row if self.indices is None else self.indices[row]]
        cell: Cell = value.item() if isinstance(value, np.generic) else value
        return cell


@dataclass(frozen=True)
class Columns:
    """A run of rows, by column.

    Attributes:
        cells: by the columns' names.
        size: how many rows.
    """

    cells: Mapping[str, Cells]
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, rows: slice) -> "Columns":
        start, stop, _ = rows.indices(self.size)
        return Columns({name: cells[rows] for name, cells in self.cells.items()}, stop - start)

    def row(self, i: int) -> dict[str, Cell]:
        """Make one row by itself."""
        return {name: cells.cell(i) for name, cells in self.cells.items()}


@dataclass(frozen=True)
class CheckedColumns:
    """Rows that fit, as arrays.

    Attributes:
        positions: for each categorical column where the cells stand among its categories,
            NULL for null; int64 [n].
        numbers: for each numeric column float64 [n], NaN for null.
        size: how many rows.
    """

    positions: Mapping[str, NDArray[np.int64]]
    numbers: Mapping[str, NDArray[np.float64]]
    size: int

    def __getitem__(self, rows: NDArray[np.bool_]) -> "CheckedColumns":
        return CheckedColumns(
            {name: column[rows] for name, column in self.positions.items()},
            {name: column[rows] for name, column in self.numbers.items()},
            int(rows.sum()),
        )


def check_columns(spec: TabularInput, columns: Columns) -> tuple[CheckedColumns, NDArray[np.bool_]]:
    """Check rows as `validation.check` does, all at once.

    Returns: the arrays, and which rows (bool [n]) fit as they are. The others have a fault or
        earn a warning of their own, and `validation.check` of each of them tells which.
    """
    fits = np.ones(columns.size, np.bool_)
    positions: dict[str, NDArray[np.int64]] = {}
    numbers: dict[str, NDArray[np.float64]] = {}
    for column in spec.columns:
        cells = columns.cells.get(column.name)
        if cells is None or cells.values.dtype.kind not in _kinds(column):
            return CheckedColumns({}, {}, columns.size), np.zeros(columns.size, np.bool_)
        if column.categories is None:
            numbers[column.name], good = _numbers(column, cells)
        else:
            positions[column.name], good = _positions(column, cells)
        fits &= good
    return CheckedColumns(positions, numbers, columns.size), fits


def _numbers(column: Column, cells: Cells) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values = cells.values.astype(np.float64)
    good = np.abs(values) <= (MAX_FLOAT32 if cells.values.dtype.kind == "f" else MAX_EXACT_INTEGER)
    if cells.valid is not None:
        values = np.where(cells.valid, values, np.nan)
        good = np.where(cells.valid, good, column.takes_null_silently)
    return values, good


def _positions(column: Column, cells: Cells) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    find = column.positions.get
    found = np.array([find(cell, NULL) for cell in cells.values.tolist()], np.int64)
    if cells.indices is not None:
        found = found[cells.indices]
    good = found != NULL
    if cells.valid is not None:
        found = np.where(cells.valid, found, NULL)
        good = np.where(cells.valid, good, column.takes_null_silently)
    return found, good


def _kinds(column: Column) -> str:
    return _KINDS[column.type] + ("b" if column.binary else "")


_KINDS = {
    CellType.STRING: "O",
    CellType.TIMESTAMP: "O",
    CellType.INTEGER: "iuf",
    CellType.FLOAT: "iuf",
    CellType.BOOL: "b",
}
