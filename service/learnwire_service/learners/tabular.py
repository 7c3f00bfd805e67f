"""Learners trained on a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from fastai.collab import TabularCollab
from fastai.data.transforms import Normalize
from fastai.tabular.core import Categorify, FillMissing, Tabular

from ..errors import NotServable
from ..signature import CellType, Column, InputSpec, TabularInput
from ..validation import Item, Row

_EXAMPLES = 6


class TabularKind:
    """Tabular learners: a row of categories and numbers through Categorify and its like."""

    def input_spec(self, learner: Any) -> InputSpec | None:
        """See Kind.input_spec."""
        table = learner.dls.valid_ds
        if not isinstance(table, Tabular):
            return None
        if isinstance(table, TabularCollab):
            raise NotServable("collaborative filtering learners cannot be served yet")
        described = {column.name: column for column in _columns(table)}
        # The learner's frame keeps the order that its training data had.
        order = [name for name in table.items.columns if name in described]
        return TabularInput(columns=tuple(described[name] for name in order))

    def examples(self, learner: Any, spec: InputSpec) -> Sequence[Item]:
        """Make rows that walk through the categories and the typical ranges, and one of nulls."""
        assert isinstance(spec, TabularInput)  # noqa: S101 - it is this kind's own
        rows: list[Item] = [
            {column.name: _example_cell(column, i) for column in spec.columns}
            for i in range(_EXAMPLES)
        ]
        nulls: Row = {c.name: None if c.nullable else c.example for c in spec.columns}
        return [*rows, nulls]

    def encode(self, item: Item) -> Any:
        """Make the Series that `learner.predict` takes; its cells are in training order."""
        assert isinstance(item, dict)  # noqa: S101 - validation made it
        cells = {name: np.nan if cell is None else cell for name, cell in item.items()}
        return pd.Series(cells, dtype=object)


def _columns(table: Any) -> list[Column]:
    fill = _proc(table, FillMissing)
    filled = set(fill.na_dict) if fill is not None else set()
    indicators = {f"{name}_na" for name in filled} if fill is not None and fill.add_col else set()
    categorical = [name for name in table.cat_names if name not in indicators]
    if categorical and _proc(table, Categorify) is None:
        raise NotServable("the learner has categorical columns but no Categorify among its procs")
    normalize = _proc(table, Normalize)
    return [_categorical(name, _proc(table, Categorify).classes[name]) for name in categorical] + [
        _numeric(name, nullable=name in filled, normalize=normalize) for name in table.cont_names
    ]


def _proc(table: Any, of: type) -> Any:
    return next((proc for proc in table.procs.fs if isinstance(proc, of)), None)


def _categorical(name: str, classes: Any) -> Column:
    nullable = len(classes) > 0 and classes[0] == "#na#"
    raw = list(classes)[1:] if nullable else list(classes)
    categories = tuple(c.item() if isinstance(c, np.generic) else c for c in raw)
    return Column(
        name=name,
        type=_cell_type(name, categories),
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
    raise NotServable(
        f'the categories of column "{name}" are {", ".join(sorted(k.__name__ for k in kinds))}; '
        "only str, int, float and bool, one of them a column, can be served"
    )


def _numeric(name: str, *, nullable: bool, normalize: Any) -> Column:
    if normalize is None:
        return Column(name=name, type=CellType.FLOAT, nullable=nullable, example=0.0)
    mean, std = float(normalize.means[name]), float(normalize.stds[name])
    return Column(
        name=name,
        type=CellType.FLOAT,
        nullable=nullable,
        typical_range=(_rounded(mean - 2 * std), _rounded(mean + 2 * std)),
        example=_rounded(mean),
    )


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _example_cell(column: Column, i: int) -> str | bool | int | float | None:
    if column.categories:
        return column.categories[i % len(column.categories)]
    low, high = column.typical_range or (0.0, 1.0)
    return low + (high - low) * i / (_EXAMPLES - 1)
