"""Rows as whole columns: what a table's procs do, compiled to arrays."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from fastai.collab import TabularCollab
from fastai.data.load import DataLoader
from fastai.data.transforms import Categorize, EncodedMultiCategorize, Normalize, RegressionSetup
from fastai.tabular.core import (
    Categorify,
    FillMissing,
    ReadTabBatch,
    TabDataLoader,
    TabularPandas,
    TabWeightedDL,
)
from fastai.tabular.data import TabularDataLoaders
from numpy.typing import NDArray

from ..answers import Outcome
from ..columns import NULL, CheckedColumns
from ..sealed.answering import decode_batch
from ..sealed.plan import ColumnPlan
from ..signature import TabularInput
from ..validation import Item, Row
from .adapter import Adapter
from .network import NetworkPlan, TorchNetwork
from .onnx_export import write_onnx
from .outputs import Answering
from .plain import check_plain_learner, check_types
from .plan import Unplanned

# Codes [n, k] of the categories and values [n, m] of the numbers, as the network takes them: many
# rows as arrays, a row as lists, from which the batch's array is made at once.
Encoded = tuple[NDArray[np.int64] | list[list[int]], NDArray[np.float32] | list[list[float]]]

# In the order in which fastai runs them.
_PROCS = (FillMissing, Categorify, Normalize)
_OF_TARGETS = (Categorize, EncodedMultiCategorize, RegressionSetup)
_NA = "#na#"


class TabularPlan(NetworkPlan, ColumnPlan):
    """FillMissing, Categorify and Normalize as array operations; a row costs one."""

    name = "tabular"
    max_cost = 4096

    def __init__(self, adapter: Adapter) -> None:
        """Compile the procs; see Plan."""
        super().__init__(adapter)
        check_plain_learner(self.learner)
        _check_loaders(self.learner.dls)
        table = self.learner.dls.valid_ds
        self._codes, self._numbers = _compiled(table, self.signature.input)
        self.learner.model.eval()
        self._answering = Answering(self.learner)
        self.network = TorchNetwork(self._answering)

    def encode(self, item: Item) -> Encoded:
        """Bring one row to codes and values."""
        assert isinstance(item, dict)  # noqa: S101 - validation made it
        return (
            [[code.of(item) for code in self._codes]],
            [[number.of(item) for number in self._numbers]],
        )

    def encode_columns(self, columns: CheckedColumns) -> Encoded:
        """Bring rows to codes and values, column by column."""
        codes = np.empty((columns.size, len(self._codes)), np.int64)
        values = np.empty((columns.size, len(self._numbers)), np.float64)
        for i, code in enumerate(self._codes):
            codes[:, i] = code.of_all(columns)
        for i, number in enumerate(self._numbers):
            values[:, i] = number.of_all(columns)
        return codes, _rounded(values, np.float32)

    def cost(self, encoded: Encoded) -> int:
        """Count the rows."""
        return len(encoded[0])

    def parts(self, encoded: Encoded) -> Sequence[Encoded]:
        """Give the rows one by one."""
        codes, values = encoded
        return [(codes[i : i + 1], values[i : i + 1]) for i in range(len(codes))]

    def predict(self, batch: Sequence[Encoded]) -> Sequence[Outcome]:
        """Answer all rows with one pass of the network."""
        codes, values = zip(*batch, strict=True)
        outputs = self._ask(_joined(codes, np.int64), _joined(values, np.float32))
        return decode_batch(self.signature.output, outputs)

    def write_onnx(self, inputs: Sequence[NDArray[Any]], path: Path) -> None:
        """See NetworkPlan.write_onnx."""
        write_onnx(self._answering, inputs, path)

    def _ask(self, codes: NDArray[np.int64], values: NDArray[np.float32]) -> Sequence[NDArray[Any]]:
        return self.network(codes, values)


class CollabPlan(TabularPlan):
    """A user and an item, whose network takes codes only."""

    name = "collab"

    def _ask(self, codes: NDArray[np.int64], values: NDArray[np.float32]) -> Sequence[NDArray[Any]]:
        # The dot product model fails on one row.
        rows = codes if len(codes) > 1 else np.repeat(codes, 2, axis=0)
        return [output[: len(codes)] for output in self.network(rows)]


class _Code(ABC):
    """A column of codes that the network takes."""

    @abstractmethod
    def of(self, row: Row) -> int:
        """Give a row's code."""

    @abstractmethod
    def of_all(self, columns: CheckedColumns) -> NDArray[np.int64]:
        """Give all rows' codes."""


class _Category(_Code):
    """A categorical column: what is null or unknown is code 0, the categories follow."""

    def __init__(self, name: str, positions: dict[Any, int]) -> None:
        self._name = name
        self._positions = positions

    def of(self, row: Row) -> int:
        return self._positions.get(row[self._name], NULL) + 1

    def of_all(self, columns: CheckedColumns) -> NDArray[np.int64]:
        return columns.positions[self._name] + 1


class _Missing(_Code):
    """The column that FillMissing adds beside another one: whether that was null."""

    def __init__(self, name: str, classes: Sequence[Any]) -> None:
        self._name = name
        known = {category: code for code, category in enumerate(classes)}
        # Where no row of the training had one, or each had, the other answer is unknown.
        self._codes = np.array([known.get(False, 0), known.get(True, 0)])

    def of(self, row: Row) -> int:
        return int(self._codes[int(row[self._name] is None)])

    def of_all(self, columns: CheckedColumns) -> NDArray[np.int64]:
        codes: NDArray[np.int64] = self._codes[np.isnan(columns.numbers[self._name]).astype(int)]
        return codes


class _Number:
    """A numeric column, filled where it is null, and normalised.

    fastai computes in Python's floats, whatever the type of its means and deviations, since
    `learner.predict` makes a row of objects.
    """

    def __init__(self, name: str, fill: Any, normalize: Any) -> None:
        self._name = name
        self._mean, self._deviation = 0.0, 1.0
        if normalize is not None:
            self._mean, self._deviation = normalize.means[name], normalize.stds[name]
            self._mean, self._deviation = float(self._mean), float(self._deviation)
        self._fill = float("nan")
        if fill is not None and name in fill.na_dict:
            self._fill = float(fill.na_dict[name])

    def of(self, row: Row) -> float:
        cell: Any = row[self._name]
        value: float = self._fill if cell is None else cell
        return (value - self._mean) / self._deviation

    def of_all(self, columns: CheckedColumns) -> NDArray[np.float64]:
        numbers = columns.numbers[self._name]
        filled = np.where(np.isnan(numbers), self._fill, numbers)
        return (filled - self._mean) / self._deviation


def _joined(parts: Sequence[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """Join rows, in lists or arrays, to one array; see `_rounded`."""
    if all(type(part) is list for part in parts):
        return _rounded(list(chain.from_iterable(parts)), dtype)
    arrays = [_rounded(part, dtype) for part in parts]
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def _rounded(values: Any, dtype: type[np.generic]) -> NDArray[Any]:
    """Round to what the network takes; beyond its range that is infinite, as in fastai."""
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype)


def _compiled(table: Any, spec: Any) -> tuple[list[_Code], list[_Number]]:
    """Compile a table's procs, in the order in which its network takes the columns."""
    assert isinstance(spec, TabularInput)  # noqa: S101 - the adapter describes a table
    procs = _procs(table)
    positions = {column.name: column.positions for column in spec.columns}
    codes: list[_Code] = []
    for name in table.cat_names:
        classes = procs[Categorify].classes[name]
        if classes[0] != _NA:
            raise Unplanned(f'the categories of "{name}" do not begin with {_NA}')
        if name in positions:
            codes.append(_Category(name, positions[name]))
        else:
            codes.append(_Missing(name.removesuffix("_na"), classes))
    fill, normalize = procs.get(FillMissing), procs.get(Normalize)
    return codes, [_Number(name, fill, normalize) for name in table.cont_names]


def _procs(table: Any) -> dict[type, Any]:
    """Give the table's procs but those of its targets, by what they are."""
    found = [proc for proc in table.procs.fs if type(proc) not in _OF_TARGETS]
    kinds = [type(proc) for proc in found]
    for kind in kinds:
        if kind not in _PROCS:
            raise Unplanned(
                f"the proc {kind.__name__} is not known; what it makes of a row alone, make in the "
                "frame before you train, and in what you send"
            )
    if kinds != [kind for kind in _PROCS if kind in kinds]:
        raise Unplanned(f"the procs run in the order {', '.join(kind.__name__ for kind in kinds)}")
    return dict(zip(kinds, found, strict=True))


def _check_loaders(dls: Any) -> None:
    """Check that nothing but the procs changes a row on its way to the network."""
    loader = dls.valid
    check_types(
        (
            (dls, (TabularDataLoaders,)),
            (loader, (TabDataLoader, TabWeightedDL)),
            (loader.dataset, (TabularPandas, TabularCollab)),
        )
    )
    own = {"test_dl"} & vars(dls).keys() | _METHODS & vars(loader).keys()
    if own:
        raise Unplanned(f"its loaders have a {min(own)} of their own")
    transforms = [*loader.before_batch.fs, *loader.after_batch.fs]
    if [type(transform) for transform in transforms] != [ReadTabBatch]:
        raise Unplanned(f"its batches go through {', '.join(t.name for t in transforms)}")


# What can be given to a loader in the place of its own; what goes through a batch is looked at.
_METHODS = set(DataLoader._methods) - {"before_batch", "after_batch", "after_item"}
