"""Rows as whole columns: what a table's procs do, compiled to arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from fastai.data.transforms import (
    Categorize,
    EncodedMultiCategorize,
    Normalize,
    RegressionSetup,
)
from fastai.tabular.core import (
    Categorify,
    FillMissing,
    ReadTabBatch,
    TabDataLoader,
    TabWeightedDL,
)
from numpy.typing import NDArray

from ..answers import Outcome
from ..columns import NULL, CheckedColumns
from ..signature import Column, TabularInput
from ..validation import Item, Row
from .adapter import Adapter
from .outputs import decode_batch
from .plain import check_plain_learner
from .plan import ColumnPlan, Unplanned

# Codes [n, k] of the categories and values [n, m] of the numbers, as the network takes them.
Encoded = tuple[NDArray[np.int64], NDArray[np.float32]]

# In the order in which fastai runs them.
_PROCS = (FillMissing, Categorify, Normalize)
_OF_TARGETS = (Categorize, EncodedMultiCategorize, RegressionSetup)


class TabularPlan(ColumnPlan):
    """FillMissing, Categorify and Normalize as array operations; it costs a row an item."""

    name = "tabular"
    max_cost = 4096

    def __init__(self, adapter: Adapter) -> None:
        """Compile the procs; see Plan."""
        super().__init__(adapter)
        check_plain_learner(self.learner)
        _check_loader(self.learner.dls.valid)
        table = self.learner.dls.valid_ds
        procs = _procs(table)
        self._categories = [
            self._category(name, procs[Categorify].classes[name]) for name in table.cat_names
        ]
        self._numbers = [
            _Number(name, procs.get(FillMissing), procs.get(Normalize)) for name in table.cont_names
        ]
        self._model = self.learner.model.eval()

    def encode(self, item: Item) -> Encoded:
        """Bring one row to codes and values."""
        assert isinstance(item, dict)  # noqa: S101 - validation made it
        codes = [category.code(item) for category in self._categories]
        values = [number.value(item) for number in self._numbers]
        return np.array([codes], np.int64), np.array([values], np.float32)

    def encode_columns(self, columns: CheckedColumns) -> Encoded:
        """Bring rows to codes and values, column by column."""
        codes = np.empty((columns.size, len(self._categories)), np.int64)
        values = np.empty((columns.size, len(self._numbers)), np.float32)
        for i, category in enumerate(self._categories):
            codes[:, i] = category.codes(columns)
        for i, number in enumerate(self._numbers):
            values[:, i] = number.values(columns)
        return codes, values

    def cost(self, encoded: Encoded) -> int:
        """Count the rows."""
        return len(encoded[0])

    def parts(self, encoded: Encoded) -> Sequence[Encoded]:
        """Give the rows one by one."""
        codes, values = encoded
        return [(codes[i : i + 1], values[i : i + 1]) for i in range(len(codes))]

    def predict(self, batch: Sequence[Encoded]) -> Sequence[Outcome]:
        """Answer all rows with one pass of the network."""
        codes, values = (
            np.concatenate(part) if len(part) > 1 else part[0] for part in zip(*batch, strict=True)
        )
        with torch.inference_mode():
            raw = self._forward(torch.from_numpy(codes), torch.from_numpy(values))
            return decode_batch(self.learner, self.signature.output, raw)

    def _category(self, name: str, classes: Any) -> "_Category | _Missing":
        assert isinstance(self.signature.input, TabularInput)  # noqa: S101 - see serves
        columns = {column.name: column for column in self.signature.input.columns}
        if classes[0] != "#na#":
            raise Unplanned(f'the categories of "{name}" do not begin with #na#')
        return _Category(columns[name]) if name in columns else _Missing(name[:-3], classes)

    def _forward(self, codes: torch.Tensor, values: torch.Tensor) -> Any:
        return self._model(codes, values)


class CollabPlan(TabularPlan):
    """A user and an item, whose network takes codes only."""

    name = "collab"

    def _forward(self, codes: torch.Tensor, values: torch.Tensor) -> Any:
        # The dot product model fails on one row.
        rows = codes if len(codes) > 1 else codes.repeat(2, 1)
        return self._model(rows)[: len(codes)]


class _Category:
    """A categorical column: null is code 0, the categories follow."""

    def __init__(self, column: Column) -> None:
        self._name = column.name
        self._positions = column.positions

    def code(self, row: Row) -> int:
        cell = row[self._name]
        return 0 if cell is None else self._positions.get(cell, NULL) + 1

    def codes(self, columns: CheckedColumns) -> NDArray[np.int64]:
        return columns.positions[self._name] + 1


class _Missing:
    """The column that FillMissing adds beside another one: whether that was null."""

    def __init__(self, name: str, classes: Sequence[Any]) -> None:
        self._name = name
        self._codes = np.array([_code(classes, False), _code(classes, True)])

    def code(self, row: Row) -> int:
        return int(self._codes[int(row[self._name] is None)])

    def codes(self, columns: CheckedColumns) -> NDArray[np.int64]:
        codes: NDArray[np.int64] = self._codes[np.isnan(columns.numbers[self._name]).astype(int)]
        return codes


class _Number:
    """A numeric column, filled where it is null and normalised in the dtype that fastai takes."""

    def __init__(self, name: str, fill: Any, normalize: Any) -> None:
        self._name = name
        self._mean = self._std = None
        if normalize is not None:
            self._mean, self._std = normalize.means[name], normalize.stds[name]
        self._filled = None
        if fill is not None and name in fill.na_dict:
            self._filled = np.float32(self._normalized(fill.na_dict[name]))

    def value(self, row: Row) -> Any:
        cell = row[self._name]
        return self._filled if cell is None else self._normalized(cell)

    def values(self, columns: CheckedColumns) -> NDArray[Any]:
        numbers = columns.numbers[self._name]
        dtype = np.float64 if self._mean is None else self._mean.dtype
        values: NDArray[Any] = self._normalized(numbers.astype(dtype))
        return values if self._filled is None else np.where(np.isnan(numbers), self._filled, values)

    def _normalized(self, value: Any) -> Any:
        return value if self._mean is None else (value - self._mean) / self._std


def _code(classes: Sequence[Any], category: object) -> int:
    """Give the code of a category, 0 where it was not seen at training."""
    return next((i for i, known in enumerate(classes) if known == category), 0)


def _procs(table: Any) -> dict[type, Any]:
    """Give the table's own procs, by what they are."""
    procs = {type(proc): proc for proc in table.procs.fs if type(proc) not in _OF_TARGETS}
    for kind in procs.keys() - set(_PROCS):
        raise Unplanned(f"the proc {kind.__name__} is not known")
    if len(procs) < sum(type(proc) not in _OF_TARGETS for proc in table.procs.fs):
        raise Unplanned("a proc stands twice")
    order = list(procs)
    if order != [kind for kind in _PROCS if kind in procs]:
        raise Unplanned(f"the procs run in the order {', '.join(kind.__name__ for kind in order)}")
    return procs


def _check_loader(loader: Any) -> None:
    if type(loader) not in (TabDataLoader, TabWeightedDL):
        raise Unplanned(f"the loader {type(loader).__name__} is not known")
    for transform in loader.after_batch.fs:
        if type(transform) is not ReadTabBatch:
            raise Unplanned(f"the transform {type(transform).__name__} is not known")
