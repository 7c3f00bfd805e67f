"""Learners trained on a table."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from fastai.data.transforms import Normalize
from fastai.tabular.core import Categorify, FillMissing, Tabular

from ..errors import NotServable
from ..signature import CellType, Column, Signature, TabularInput
from ..validation import Item, Row
from .adapter import BuiltInAdapter
from .outputs import ask_loader, output_spec

_EXAMPLES = 6
_NA = "#na#"


class TabularAdapter(BuiltInAdapter):
    """A row of categories and numbers through Categorify and its like."""

    batch_items = 256

    @staticmethod
    def serves(learner: Any) -> bool:
        """See BuiltInAdapter.serves."""
        return isinstance(learner.dls.valid_ds, Tabular)

    def describe(self) -> Signature:
        """See BuiltInAdapter.describe."""
        columns = tuple(described_columns(self.learner.dls.valid_ds))
        return Signature(input=TabularInput(columns=columns), output=output_spec(self.learner))

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
        """Ask `learner.predict`, which takes a Series."""
        return self.learner.predict(pd.Series(encoded, dtype=object))

    def ask_many(self, encoded: Sequence[Any]) -> Sequence[Any]:
        """Do for a frame of rows what `learner.predict` does for one."""
        frame = pd.DataFrame(list(encoded), dtype=object)
        loader = self.learner.dls.test_dl(frame, bs=len(frame))
        loader.dataset.conts = loader.dataset.conts.astype(np.float32)
        return ask_loader(self.learner, loader)

    @property
    def _columns(self) -> tuple[Column, ...]:
        assert isinstance(self.signature.input, TabularInput)  # noqa: S101 - see describe
        return self.signature.input.columns


def described_columns(table: Any) -> list[Column]:
    """Describe the columns that a table's learner takes, in the order of its training data."""
    fill = _proc(table, FillMissing)
    filled = set(fill.na_dict) if fill is not None else set()
    indicators = {f"{name}_na" for name in filled} if fill is not None and fill.add_col else set()
    categorical = [name for name in table.cat_names if name not in indicators]
    categorify, normalize = _proc(table, Categorify), _proc(table, Normalize)
    for name in [*categorical, *table.cont_names]:
        if not isinstance(name, str):
            raise NotServable(f"column names must be str; rename {name!r} and train again")
    if categorical and categorify is None:
        raise NotServable("the learner has categorical columns but no Categorify among its procs")
    columns = [_categorical(name, categorify.classes[name]) for name in categorical]
    columns += [_numeric(name, name in filled, normalize) for name in table.cont_names]
    order = list(table.items.columns)
    return sorted(columns, key=lambda column: order.index(column.name))


def example_rows(spec: TabularInput) -> list[Item]:
    """Make rows that walk through the categories and the typical ranges."""
    return [
        {column.name: _example_cell(column, i) for column in spec.columns} for i in range(_EXAMPLES)
    ]


def _native(column: Column, cell: Any) -> Any:
    if cell is None:
        return np.nan
    return pd.Timestamp(cell) if column.type is CellType.TIMESTAMP else cell


def _proc(table: Any, of: type) -> Any:
    return next((proc for proc in table.procs.fs if isinstance(proc, of)), None)


def _categorical(name: str, classes: Any) -> Column:
    nullable = len(classes) > 0 and classes[0] == _NA
    raw = list(classes)[1:] if nullable else list(classes)
    categories = tuple(c.item() if isinstance(c, np.generic) else c for c in raw)
    cell_type = _cell_type(name, categories)
    if cell_type is CellType.TIMESTAMP:
        categories = tuple(category.isoformat() for category in categories)
    return Column(
        name=name,
        type=cell_type,
        categories=categories,
        nullable=nullable,
        example=categories[0] if categories else None,
    )


def _cell_type(name: str, categories: tuple[object, ...]) -> CellType:
    kinds = {type(category) for category in categories}
    if kinds <= {bool}:
        return CellType.BOOL
    if kinds == {int}:
        return CellType.INTEGER
    if kinds <= {int, float}:
        return CellType.FLOAT
    if kinds == {str}:
        return CellType.STRING
    if all(isinstance(category, datetime) for category in categories):
        return CellType.TIMESTAMP
    raise NotServable(
        f'the categories of column "{name}" are {", ".join(sorted(k.__name__ for k in kinds))}; '
        "only str, int, float, bool and timestamps, one of them a column, can be served"
    )


def _numeric(name: str, nullable: bool, normalize: Any) -> Column:
    if normalize is None:
        return Column(name=name, type=CellType.FLOAT, nullable=nullable, example=0.0)
    mean, std = float(normalize.means[name]), float(normalize.stds[name])
    return Column(
        name=name,
        type=CellType.FLOAT,
        nullable=nullable,
        typical_range=(_rounded(mean - 2 * std, std), _rounded(mean + 2 * std, std)),
        example=_rounded(mean, std),
    )


def _rounded(value: float, std: float) -> float:
    """Round a value to what matters in its column."""
    return round(value, 2 - math.floor(math.log10(std)))


def _example_cell(column: Column, i: int) -> str | bool | int | float | None:
    if column.categories:
        return column.categories[i % len(column.categories)]
    low, high = column.typical_range or (0.0, 1.0)
    return low + (high - low) * i / (_EXAMPLES - 1)
