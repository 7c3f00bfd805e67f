"""A column of a row or a table of an endpoint: its cells' type, and their check."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from learnwire_client.arrays import AnyArray
from learnwire_client.errors import FieldError
from learnwire_client.rows import Cell, to_cell

from ...signature.specs import CellType

if TYPE_CHECKING:
    import pandas as pd

_KINDS = {
    "b": CellType.BOOL,
    "i": CellType.INTEGER,
    "u": CellType.INTEGER,
    "f": CellType.FLOAT,
    "M": CellType.TIMESTAMP,
    "O": CellType.STRING,
}
# The types of columns with nulls, by what their other cells are.
_NULLABLE = {"integer": "Int64", "boolean": "boolean"}
_MAX_EXACT_INTEGER = 2**53
_SHOWN_CHARS = 50


class Misfit(Exception):
    """Raised when a cell does not fit its column; says what was expected and what came."""


@dataclass(frozen=True)
class TypedColumn:
    """A column that a descriptor names.

    Attributes:
        name: its name.
        dtype: pandas' type of it; None for whatever its cells make.
    """

    name: str
    dtype: Any = None

    @property
    def type(self) -> CellType | None:
        """The type of its cells; None for any."""
        return None if self.dtype is None else _KINDS[self.dtype.kind]

    @property
    def nullable(self) -> bool:
        """Whether its cells may be null."""
        return self.dtype is None or not _is_plain(self.dtype) or self.dtype.kind not in "biu"

    def __str__(self) -> str:
        if self.type is None:
            return "a string, number, bool, timestamp or null"
        article = "an" if self.type is CellType.INTEGER else "a"
        return f"{article} {self.type}" + (" or null" if self.nullable else "")

    def fit(self, cell: Cell, max_chars: int | None) -> Any:
        """Give a cell as the column's type has it.

        Args:
            cell: a plain value.
            max_chars: the longest string taken; None for any.

        Raises:
            Misfit: it does not fit.
        """
        match self.type, cell:
            case _, None if self.nullable:
                return None
            case (None | CellType.BOOL, bool()):
                return cell
            case (None | CellType.STRING, str() as text):
                if max_chars is not None and len(text) > max_chars:
                    raise Misfit(f"expected at most {max_chars} characters, got {len(text)}")
                return text
            case CellType.TIMESTAMP, str() as text:
                return _timestamp(text, np.datetime_data(self.dtype)[0])
            case (None | CellType.INTEGER | CellType.FLOAT, int() | float() as number) if (
                not isinstance(number, bool)
            ):
                return self._number(number)
        raise Misfit(f"expected {self}, got {_shown(cell)}")

    def _number(self, number: int | float) -> int | float:
        if not math.isfinite(number):
            hint = "; a missing value is null" if math.isnan(number) and self.nullable else ""
            raise Misfit(f"expected a finite number, got {number}{hint}")
        if self.type is CellType.INTEGER:
            limits = np.iinfo(_numpy(self.dtype))
            if number != int(number) or not limits.min <= number <= limits.max:
                raise Misfit(f"expected an integer from {limits.min} to {limits.max}, got {number}")
            return int(number)
        if self.type is CellType.FLOAT:
            if abs(number) > float(np.finfo(_numpy(self.dtype)).max):
                raise Misfit(f"expected a number that {self.dtype} can hold, got {number:g}")
            if isinstance(number, int) and abs(number) > _MAX_EXACT_INTEGER:
                raise Misfit(f"expected an integer within 2^53, got {number}")
        return number

    def series(self, cells: Sequence[Any]) -> "pd.Series[Any]":
        """Make the column of cells that fit; where they make its type, nulls change none."""
        import pandas as pd

        dtype = self.dtype
        if dtype is None and None in cells:
            # As floats and as objects they would be others.
            dtype = _NULLABLE.get(pd.api.types.infer_dtype(cells, skipna=True))
        made: pd.Series[Any] = pd.Series(cells, name=self.name, dtype=dtype)
        return made

    def as_cell(self, fitting: Any) -> Any:
        """Give a cell that fits as the column has it, its null too."""
        return fitting if self.dtype is None else self.series([fitting]).astype(object).iloc[0]

    def fit_all(self, given: "pd.Series[Any]", max_chars: int | None) -> "pd.Series[Any]":
        """Give a whole column in its type, with NaN for null; see `fit`.

        Raises:
            Misfit: a cell does not fit; says which.
        """
        if self._fits_at_once(given):
            return given if self.dtype is None else given.astype(self.dtype)
        fitting = []
        for row, value in enumerate(given.astype(object)):
            try:
                cell = to_cell(self.name, value)
                fitting.append(self.fit(cell, max_chars))
            except FieldError as error:
                raise Misfit(f"{error.violation.description} in row {row}") from None
            except Misfit as error:
                raise Misfit(f"{error} in row {row}") from None
        return self.series(fitting)

    def _fits_at_once(self, given: "pd.Series[Any]") -> bool:
        """Tell in a few operations that numbers fit; where not, the cells tell why."""
        if not _is_plain(given.dtype) or given.dtype.kind not in "iuf":
            return False
        values = given.to_numpy()
        if self.type is None:
            return not np.isinf(values).any()
        if self.type not in (CellType.INTEGER, CellType.FLOAT) or given.isna().any():
            return False
        if self.type is CellType.INTEGER and given.dtype.kind != "f":
            return self._within_limits(values)
        # Those that a double holds exactly; rarely is there another.
        if not (np.abs(values.astype(np.float64)) < _MAX_EXACT_INTEGER).all():
            return False
        if self.type is CellType.FLOAT:
            return bool((np.abs(values) <= np.finfo(_numpy(self.dtype)).max).all())
        return bool((values == np.trunc(values)).all()) and self._within_limits(values)

    def _within_limits(self, values: AnyArray) -> bool:
        limits = np.iinfo(_numpy(self.dtype))
        return bool(((values >= limits.min) & (values <= limits.max)).all())


def typed_columns(
    columns: Sequence[str] | None, dtypes: Mapping[str, Any] | None
) -> tuple[TypedColumn, ...] | None:
    """Put names and types together; None where there are neither.

    Raises:
        TypeError: they are not names and types.
        ValueError: a name is there twice, or only among the types; or a type is none that
            travels.
    """
    if columns is None and dtypes is None:
        return None
    if isinstance(columns, str):
        raise TypeError(f"columns: expected a list of names, got the str {columns!r}")
    if dtypes is not None and not isinstance(dtypes, Mapping):
        raise TypeError(f"dtypes: expected a dict by columns, got a {type(dtypes).__name__}")
    types = dict(dtypes or {})
    names = list(types) if columns is None else list(columns)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"columns: expected names as str, got {name!r}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"columns: expected some names, each once, got {names}")
    if strange := sorted(types.keys() - set(names)):
        raise ValueError(f"dtypes: expected types of the columns {names}, got one of {strange}")
    return tuple(TypedColumn(name, _dtype(name, types.get(name))) for name in names)


def _dtype(name: str, said: Any) -> Any:
    if said is None:
        return None
    import pandas as pd

    try:
        dtype: Any = pd.api.types.pandas_dtype(said)
    except TypeError as error:
        raise ValueError(f"dtypes: expected a type for {name!r}, got {said!r}") from error
    if dtype.kind == "U":  # as pandas 2 understands "str"
        dtype = np.dtype(object)
    known = _is_plain(dtype) or isinstance(dtype, _pandas_types())
    if dtype.kind == "M" and known:
        known = np.datetime_data(dtype)[0] in ("s", "ms", "us", "ns")
    if not known or dtype.kind not in _KINDS:
        raise ValueError(
            f"dtypes: expected bools, integers, floats, strings or datetime64[ns] for {name!r}, "
            f"got {said!r}"
        )
    return dtype


def _pandas_types() -> tuple[type, ...]:
    import pandas as pd

    return (
        *(pd.StringDtype, pd.BooleanDtype, pd.Float32Dtype, pd.Float64Dtype),
        *(pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype),
        *(pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype),
    )


def _is_plain(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype)


def _numpy(dtype: Any) -> Any:
    return dtype if _is_plain(dtype) else dtype.numpy_dtype


def _timestamp(text: str, unit: Any) -> "pd.Timestamp":
    import pandas as pd

    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        problem = "expected an ISO 8601 timestamp such as 2024-05-31T12:00:00"
        raise Misfit(f"{problem}, got {_shown(text)}") from None
    if parsed.tzinfo is not None:
        raise Misfit(f"expected a timestamp without a zone, got {_shown(text)}")
    try:
        return pd.Timestamp(text).as_unit(unit)  # which also reads nanoseconds
    except ValueError:
        raise Misfit(f"expected a timestamp in units of {unit}, got {_shown(text)}") from None


def _shown(cell: Cell) -> str:
    if cell is None:
        return "null"
    if isinstance(cell, str):
        more = "..." if len(cell) > _SHOWN_CHARS else ""
        return f'the string "{cell[:_SHOWN_CHARS]}{more}"'
    return str(cell).lower() if isinstance(cell, bool) else f"the number {cell:.15g}"
