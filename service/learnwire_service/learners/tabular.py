"""Learners trained on a table."""

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pandas as pd
from fastai.data.transforms import Normalize
from fastai.learner import Learner
from fastai.tabular.core import Categorify, FillMissing, Tabular
from numpy.typing import NDArray

from ..common.errors import NotServable
from ..signature.specs import CellType, Column, Signature, TabularInput
from ..signature.validation import MAX_EXACT_INTEGER, Item, Row
from .adapter import BuiltInAdapter
from .outputs import ask_loader, output_spec

_EXAMPLES = 8
_NA = "#na#"
# A row in the middle of what the columns have seen, and at both ends.
_PROBED = (0.5, 0.25, 0.75)
# What makes categories that can be served of others.
_CURES: tuple[tuple[Any, str], ...] = (
    (date, "pd.to_datetime({column})"),
    (Decimal | Fraction, "{column}.astype(float)"),
    (pd.Period, "{column}.dt.to_timestamp()"),
    (timedelta, "{column}.dt.total_seconds()"),
    (bytes, '{column}.str.decode("utf-8")'),
)
_CURE = '{column}.map(str, na_action="ignore")'
_RAW = {
    "b": CellType.BOOL,
    "i": CellType.INTEGER,
    "u": CellType.INTEGER,
    "f": CellType.FLOAT,
    "M": CellType.TIMESTAMP,
}


class TabularAdapter(BuiltInAdapter):
    """A row of categories and numbers through Categorify and its like."""

    batch_items = 256

    @staticmethod
    def serves(learner: Any) -> bool:
        """See BuiltInAdapter.serves."""
        return isinstance(learner.dls.valid_ds, Tabular)

    def describe(self) -> Signature:
        """See BuiltInAdapter.describe."""
        columns = described_columns(self.learner.dls)
        columns = demanded_columns(self.learner, columns, self._asked)
        output = output_spec(self.learner)
        return Signature(input=TabularInput(columns=tuple(columns)), output=output)

    @property
    def oracle(self) -> str:  # type: ignore[override]  # here it depends on the learner
        """See BuiltInAdapter."""
        if self._has_own_predict:
            return "learner.predict(row)"
        return "learner.get_preds(dl=learner.dls.test_dl(frame), with_decoded=True)"

    def examples(self) -> Sequence[Item]:
        """Walk through the categories and the typical ranges; the last row is of nulls."""
        assert isinstance(self.signature.input, TabularInput)  # noqa: S101 - see describe
        nulls: Row = {c.name: None if c.nullable else c.example for c in self._columns}
        return [*example_rows(self.signature.input), nulls]

    def encode(self, item: Item) -> Any:
        """Bring the cells to training order, nulls and timestamps to what pandas has for them."""
        assert isinstance(item, dict)  # noqa: S101 - validation made it
        return {column.name: _native(column, item[column.name]) for column in self._columns}

    def ask(self, encoded: Any) -> Any:
        """Ask `learner.predict`, which takes a Series; that of a plain Learner takes no row."""
        if not self._has_own_predict:
            return self.ask_many([encoded])[0]
        return self.learner.predict(pd.Series(encoded, dtype=object))

    def ask_many(self, encoded: Sequence[Any]) -> Sequence[Any]:
        """Do for a frame of rows what `learner.predict` does for one."""
        frame = pd.DataFrame(list(encoded), dtype=object)
        loader = self.learner.dls.test_dl(frame, bs=len(frame))
        loader.dataset.conts = loader.dataset.conts.astype(np.float32)
        return ask_loader(self.learner, loader)

    def _asked(self, cells: dict[str, Any]) -> NDArray[Any] | None:
        """Give the raw answer to cells, None where the learner does not take them."""
        try:
            with self.learner.no_bar():
                return np.asarray(self.ask(cells)[2])
        except Exception:  # noqa: BLE001 - a learner may raise anything
            return None

    @property
    def _has_own_predict(self) -> bool:
        return type(self.learner).predict is not Learner.predict

    @property
    def _columns(self) -> tuple[Column, ...]:
        assert isinstance(self.signature.input, TabularInput)  # noqa: S101 - see describe
        return self.signature.input.columns


def described_columns(dls: Any) -> list[Column]:
    """Describe the columns that a table's learner takes, in the order of its training data."""
    table, training = dls.valid_ds, dls.train_ds.items
    fill = proc_of(table, FillMissing)
    filled = set(fill.na_dict) if fill is not None else set()
    indicators = {f"{name}_na" for name in filled} if fill is not None and fill.add_col else set()
    categorical = [name for name in table.cat_names if name not in indicators]
    categorify, normalize = proc_of(table, Categorify), proc_of(table, Normalize)
    for name in [*categorical, *table.cont_names]:
        if not isinstance(name, str):
            raise NotServable(f"column names must be str; rename {name!r} and train again")
    if categorical and categorify is None:
        raise NotServable("the learner has categorical columns but no Categorify among its procs")
    columns = [_categorical(name, categorify.classes[name], training[name]) for name in categorical]
    columns += [_numeric(table, name, name in filled, normalize) for name in table.cont_names]
    order = list(table.items.columns)
    return sorted(columns, key=lambda column: order.index(column.name))


def demanded_columns(
    learner: Any, columns: Sequence[Column], ask: Callable[[dict[str, Any]], Any]
) -> list[Column]:
    """Give the columns that a row must have, where procs of the user's own work on it.

    Such a proc may make a column of others, which then is no row's to bring; and it may read
    columns that the network never sees. What the answer does not need is found by leaving it out.

    Args:
        learner: the learner, with its data.
        columns: those that the network takes.
        ask: gives the learner's answer to cells by name, None where it fails.
    """
    table = learner.dls.valid_ds
    if all(type(proc).__module__.startswith("fastai.") for proc in table.procs.fs):
        return list(columns)
    known = {*table.cat_names, *table.cont_names, *table.y_names}
    raw = learner.dls.train_ds.items
    read = [_raw_column(name, raw[name]) for name in raw if name not in known]
    candidates = [*columns, *(column for column in read if column is not None)]
    rows = [
        {column.name: _native(column, _example_cell(column, share)) for column in candidates}
        for share in _PROBED
    ]
    answered = [(row, whole) for row in rows if (whole := ask(row)) is not None]
    if not answered:
        return list(columns)

    def is_demanded(column: Column) -> bool:
        return any(_needs(column.name, row, whole, ask) for row, whole in answered)

    return list(filter(is_demanded, candidates))


def _needs(
    name: str, cells: dict[str, Any], whole: Any, ask: Callable[[dict[str, Any]], Any]
) -> bool:
    """Tell whether the answer to cells is another one, or none, without one of them."""
    without = ask({other: cell for other, cell in cells.items() if other != name})
    return without is None or not np.array_equal(without, whole, equal_nan=True)


def _raw_column(name: Any, cells: Any) -> Column | None:
    """Describe a column that only a proc reads; None where its cells cannot be sent."""
    there = cells.dropna()
    cell_type = _RAW.get(cells.dtype.kind)
    if cell_type is None and len(there) and there.map(type).eq(str).all():
        cell_type = CellType.STRING
    if cell_type is None or not isinstance(name, str) or len(there) == 0:
        return None
    is_float = cell_type is CellType.FLOAT
    example = there.mode().iloc[0]
    example = example.isoformat() if cell_type is CellType.TIMESTAMP else example
    return Column(
        name=name,
        type=cell_type,
        nullable=bool(cells.isna().any()),
        typical_range=(float(there.min()), float(there.max())) if is_float else None,
        example=example.item() if isinstance(example, np.generic) else example,
    )


def example_rows(spec: TabularInput) -> list[Item]:
    """Make rows from the first category to the last, and from far below to far above the range."""
    return [
        {column.name: _example_cell(column, i / (_EXAMPLES - 1)) for column in spec.columns}
        for i in range(_EXAMPLES)
    ]


def _native(column: Column, cell: Any) -> Any:
    if cell is None:
        return np.nan
    return pd.Timestamp(cell) if column.type is CellType.TIMESTAMP else cell


def proc_of(table: Any, of: type) -> Any:
    """Give a table's proc of a kind; None where it has none."""
    return next((proc for proc in table.procs.fs if isinstance(proc, of)), None)


def _categorical(name: str, classes: Any, codes: "pd.Series[Any]") -> Column:
    nulls = _nulls(codes) if len(classes) > 0 and classes[0] == _NA else None
    raw = list(classes)[1:] if nulls else list(classes)
    categories = tuple(c.item() if isinstance(c, np.generic) else c for c in raw)
    cell_type = _cell_type(name, categories)
    if cell_type is CellType.TIMESTAMP:
        categories = tuple(category.isoformat() for category in categories)
    return Column(
        name=name,
        type=cell_type,
        categories=categories,
        nullable=nulls == "seen",
        nulls=nulls,
        example=categories[0] if categories else None,
    )


def _nulls(codes: "pd.Series[Any]") -> Literal["seen", "unseen", "unknown"]:
    """Tell whether training had nulls, whose code is 0; an export has lost its data."""
    if not len(codes):
        return "unknown"
    return "seen" if (codes == 0).any() else "unseen"


def _cell_type(name: str, categories: tuple[Any, ...]) -> CellType:
    kinds = {type(category) for category in categories}
    if kinds <= {bool}:
        return CellType.BOOL
    column = f'df["{name}"]'
    if kinds == {int} and any(abs(number) > MAX_EXACT_INTEGER for number in categories):
        raise NotServable(
            f'the categories of column "{name}" are numbers beyond 2^53, which lose digits on '
            f"their way; train again on {column} = {_CURE.format(column=column)}"
        )
    if kinds == {int}:
        return CellType.INTEGER
    if kinds <= {int, float} and all(map(math.isfinite, categories)):
        return CellType.FLOAT
    if kinds == {str}:
        return CellType.STRING
    if all(isinstance(category, datetime) for category in categories):
        return CellType.TIMESTAMP
    cure = next((cure for of, cure in _CURES if all(isinstance(c, of) for c in categories)), _CURE)
    raise NotServable(
        f'the categories of column "{name}" are {", ".join(sorted(k.__name__ for k in kinds))}; '
        "only str, int, finite float, bool and timestamps, one of them a column, can be served; "
        f"train again on {column} = {cure.format(column=column)}"
    )


def _numeric(table: Any, name: str, nullable: bool, normalize: Any) -> Column:
    if normalize is not None and not math.isfinite(normalize.means[name]):
        raise NotServable(
            f'column "{name}" had no finite mean at training, so the learner answers NaN; train '
            "again without what is null or infinite there"
        )
    if normalize is None:
        binary = table.items[name].dtype.kind == "b"
        return Column(name=name, type=CellType.FLOAT, nullable=nullable, binary=binary, example=0.0)
    mean, std = float(normalize.means[name]), float(normalize.stds[name])
    return Column(
        name=name,
        type=CellType.FLOAT,
        nullable=nullable,
        # So do the mean and the deviation of zeros and ones go together.
        binary=0 <= mean <= 1 and math.isclose(std, math.sqrt(mean * (1 - mean)), rel_tol=1e-5),
        typical_range=(_rounded(mean - 2 * std, std), _rounded(mean + 2 * std, std)),
        example=_rounded(mean, std),
    )


def _rounded(value: float, std: float) -> float:
    """Round a value to what matters in its column."""
    return round(value, 2 - math.floor(math.log10(std)))


def _example_cell(column: Column, share: float) -> str | bool | int | float | None:
    """Give a cell at a share from 0 to 1 of what a column has seen, and some more of numbers."""
    if column.categories:
        return column.categories[round(share * (len(column.categories) - 1))]
    if column.type is not CellType.FLOAT:
        return column.example
    low, high = column.typical_range or (0.0, 1.0)
    return low + (high - low) * (2 * share - 0.5)
