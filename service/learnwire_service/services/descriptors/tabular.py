"""Rows and tables, which functions take and give as Series and DataFrames."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from learnwire_client.errors import FieldError, Violation
from learnwire_client.rows import Answered, cell_path, is_row, to_answered
from learnwire_client.tables import is_table

from ...common.errors import InvalidInput
from .answered import as_cells, as_rows
from .base import Descriptor, kind_of, refuse
from .columns import Misfit, TypedColumn, typed_columns

if TYPE_CHECKING:
    import pandas as pd

# The types of rows whose cells are all alike; NaN stands for the nulls among floats.
_ALIKE = {"floating": "float64", "integer": "int64", "boolean": "bool"}


class _Tabular(Descriptor):
    """Columns, each of which may have a type.

    Attributes:
        columns: they, in order; None for any.
    """

    _takes_lists = False

    def __init__(
        self, columns: Sequence[str] | None = None, dtypes: Mapping[str, Any] | None = None
    ) -> None:
        self.columns = typed_columns(columns, dtypes)

    def __repr__(self) -> str:
        types = {column.name: str(column.dtype) for column in self.columns or ()}
        return f"{type(self).__name__}({types})"

    def _fitting_cells(self, row: object, most: int | None) -> dict[str, Any]:
        """Give the cells of a row as the columns have them; paths as in a TabularRow."""
        cells = _cells(row)
        violations: list[Violation] = []
        fitting: dict[str, Any] = {}
        for column in self._columns_of(cells):
            try:
                if column.name not in cells:
                    raise Misfit(f"expected {column}, got nothing: the column is missing")
                fitting[column.name] = self._fitting(column, cells[column.name], most)
            except Misfit as misfit:
                violations.append(Violation(cell_path(column.name), str(misfit)))
        for name in self._strange(cells):
            violations.append(Violation(cell_path(name), self._expected_columns()))
        if violations:
            raise InvalidInput(violations)
        return fitting

    def _fitting(self, column: TypedColumn, cell: Answered, most: int | None) -> Any:
        """Give a cell as the column's type has it; a list of one is what is in it."""
        if not isinstance(cell, list):
            return column.fit(cell, most)
        if self._takes_lists and column.type is None:
            return [self._fitting(column, one, most) for one in cell]
        if len(cell) == 1:
            return self._fitting(column, cell[0], most)
        raise Misfit(f"expected {column}, got a list of {len(cell)}")

    def _columns_of(self, names: Iterable[str]) -> tuple[TypedColumn, ...]:
        """Give the descriptor's columns, or where it has none those named, in that order."""
        return tuple(map(TypedColumn, names)) if self.columns is None else self.columns

    def _strange(self, names: Iterable[str]) -> list[str]:
        """Give those of the names that the descriptor does not, in order."""
        known = None if self.columns is None else {column.name for column in self.columns}
        return [] if known is None else sorted(set(names) - known)

    def _expected_columns(self) -> str:
        names = ", ".join(f'"{column.name}"' for column in self.columns or ())
        return f"expected only the columns {names}, got another"


class TabularRow(_Tabular):
    """One row: functions take it as a Series, as `learner.predict` does.

    The Series has a type of its own where its cells have only one; otherwise each cell stays
    what it is, integers too. A null is NaN, NA, NaT or None as the column's type has it; where
    the type has none, such as int64, it is refused.

    As an output it may also be a mapping, a DataFrame of one row, or a prediction, whose columns
    are then label, index and probabilities; cells of columns without a type may be arrays.

    Usage: `lw.TabularRow(columns=["island", "year"], dtypes={"year": "int64"})`

    Args:
        columns: their names, in the order that the function gets them; no others are taken.
            None: those of `dtypes`, or any, in their sender's order; a sender that tells none,
            such as grpcurl, gets the order of their names.
        dtypes: pandas' types of some or all of them: bools, integers, floats, strings and
            datetime64[ns]. What loses nothing is brought to them; the others have the type
            that their cells make.

    Raises:
        TypeError, ValueError: the names or types are none.
    """

    _takes_lists = True

    @property
    def field(self) -> str:
        """See Descriptor."""
        return "row"

    def check(self, value: object, *, max_text_chars: int | None = None) -> "pd.Series[Any]":
        """See Descriptor."""
        value = as_cells(value)
        if is_table(value):
            if len(value) != 1:
                refuse("row", f"expected one row, got {len(value)}")
            value = value.astype(object).iloc[0]
        try:
            cells = self._fitting_cells(value, max_text_chars)
        except InvalidInput as error:
            raise error.below("row") from None
        columns = self._columns_of(cells)
        return _series({one.name: one.as_cell(cells[one.name]) for one in columns})


class Table(_Tabular):
    """Any number of rows: functions take and give them as a DataFrame.

    Their index travels where it is of integers, floats or strings. As an output it may also be a
    list of mappings or Series, of named tuples such as `prediction.top(3)` gives, or of
    tuples with a cell for each of `columns`; or predictions, whose columns are then as those of
    `predict_frame`.

    Usage: `lw.Table(columns=["island", "year"], dtypes={"year": "int64"})`

    Args:
        columns: as for TabularRow; None: those of `dtypes`, or any, as they come.
        dtypes: as for TabularRow.

    Raises:
        TypeError, ValueError: as for TabularRow.
    """

    @property
    def field(self) -> str:
        """See Descriptor."""
        return "table"

    def check(self, value: object, *, max_text_chars: int | None = None) -> "pd.DataFrame":
        """See Descriptor; the paths of rows that are given one by one begin with `rows`."""
        if is_table(value):
            return self._checked_frame(value, max_text_chars)
        names = None if self.columns is None else [column.name for column in self.columns]
        value = as_rows(value, names)
        if not isinstance(value, list | tuple):
            refuse("table", f"expected a table, got {kind_of(value)}")
        return self._checked_rows(value, max_text_chars)

    def _checked_frame(self, frame: "pd.DataFrame", most: int | None) -> "pd.DataFrame":
        import pandas as pd

        places, index, frame = _places(frame), frame.index, frame.reset_index(drop=True)
        violations = [
            Violation(f"table.columns[{places[name]}].name", self._expected_columns())
            for name in self._strange(places)
        ]
        columns: dict[str, Any] = {}
        known = self.columns
        for column in map(TypedColumn, places) if known is None else known:
            place = places.get(column.name)
            if place is None:
                problem = f'expected the column "{column.name}", got none of that name'
                violations.append(Violation("table.columns", problem))
                continue
            try:
                columns[column.name] = column.fit_all(frame.iloc[:, place], most)
            except Misfit as misfit:
                violations.append(Violation(f"table.columns[{place}].values", str(misfit)))
        if violations:
            raise InvalidInput(violations)
        return pd.DataFrame(columns, index=frame.index).set_axis(index)

    def _checked_rows(self, rows: Sequence[object], most: int | None) -> "pd.DataFrame":
        fitting = list[dict[str, Any]]()
        violations = list[Violation]()
        for place, row in enumerate(rows):
            try:
                cells = self._fitting_cells(row, most)
                if fitting and cells.keys() != fitting[0].keys():
                    refuse("cells", "expected the columns of the first row, got others")
                fitting.append(cells)
            except InvalidInput as error:
                violations.extend(error.below(f"rows.rows[{place}]").violations)
        if violations:
            raise InvalidInput(violations)
        if fitting and not fitting[0]:
            # They would be a table of so many rows, which has no form on the wire.
            refuse("rows.rows[0].cells", "expected cells, got none")
        return self._frame(fitting)

    def _frame(self, rows: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
        """Make a frame of fitting rows, all with the same columns."""
        import pandas as pd

        columns = self._columns_of(rows[0] if rows else ())
        series = {c.name: c.series([row[c.name] for row in rows]) for c in columns}
        return pd.DataFrame(series, index=range(len(rows)))


def _series(cells: Mapping[str, Any]) -> "pd.Series[Any]":
    """Make a row; of several types its cells stay what they are, as objects."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(list(cells.values()), skipna=True)
    alike = kind in _ALIKE and (kind == "floating" or not any(map(pd.isna, cells.values())))
    row: pd.Series[Any] = pd.Series(cells, dtype=_ALIKE[kind] if alike else object)
    return row


def _cells(value: object) -> Mapping[str, Answered]:
    if not is_row(value):
        refuse("cells", f"expected a row, got {kind_of(value)}")
    try:
        return to_answered(value)
    except FieldError as error:
        raise InvalidInput([error.violation]) from None


def _places(frame: "pd.DataFrame") -> dict[str, int]:
    """Tell where each column stands."""
    places: dict[str, int] = {}
    for place, name in enumerate(frame):
        path = f"table.columns[{place}].name"
        if not isinstance(name, str):
            refuse(path, f"expected a column name as str, got {name!r}")
        if name in places:
            refuse(path, f'expected each name once, got "{name}" again')
        places[name] = place
    return places
