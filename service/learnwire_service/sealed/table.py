"""Rows as whole columns: missing values filled, categories as codes, numbers normalised."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from learnwire_client.errors import Violation
from learnwire_client.rows import cell_path
from numpy.typing import NDArray
from pydantic import Field

from ..common.errors import InvalidInput
from ..signature.answers import Outcome, Outcomes
from ..signature.columns import NULL, CheckedColumns
from ..signature.specs import Signature, TabularInput
from ..signature.validation import Item, Row
from .answering import decode_batch
from .network import LARGEST, Network
from .part import FileName, Finite, Part
from .plan import ColumnPlan

_COLUMNS = 10_000

# Codes [n, k] of the categories and values [n, m] of the numbers, as the network takes them: many
# rows as arrays, a row as lists, from which the batch's array is made at once.
Encoded: TypeAlias = tuple[
    NDArray[np.int64] | list[list[int]], NDArray[np.float32] | list[list[float]]
]


class CategoryRecipe(Part):
    """A column of categories: null or unknown is code 0, those of the signature follow."""

    kind: Literal["category"] = "category"
    column: str


class MissingRecipe(Part):
    """The column that tells whether another one is null.

    Attributes:
        column: the other one.
        codes: where it is not, and where it is.
    """

    kind: Literal["missing"] = "missing"
    column: str
    codes: tuple[Annotated[int, Field(ge=0, lt=2**31)], Annotated[int, Field(ge=0, lt=2**31)]]


class NumberRecipe(Part):
    """A column of numbers: filled where null, less its mean, in standard deviations.

    Attributes:
        fill: what null is filled with; None where it is not.
    """

    column: str
    fill: Finite | None = None
    mean: Finite = 0.0
    deviation: Finite = 1.0


class TableRecipe(Part):
    """How a row becomes codes and numbers, in the order in which the network takes them.

    Attributes:
        lone: whether the network takes a row alone; the dot product of collaborative filtering
            fails on one, so that one is asked for twice.
        network: takes int64 [n, codes] and float32 [n, numbers], or the codes only.
    """

    kind: Literal["table"] = "table"
    codes: tuple[Annotated[CategoryRecipe | MissingRecipe, Field(discriminator="kind")], ...] = (
        Field(max_length=_COLUMNS)
    )
    numbers: tuple[NumberRecipe, ...] = Field(max_length=_COLUMNS)
    lone: bool = True
    network: FileName


class TablePlan(ColumnPlan):
    """FillMissing, Categorify and Normalize as array operations; a row costs one.

    Args:
        signature: what the model takes, a row, and answers.
        recipe: names columns of the signature only.
        network: the recipe's.

    Raises:
        ValueError: the recipe does not fit the signature.
    """

    name = "tabular"
    max_cost = 4096

    def __init__(self, signature: Signature, recipe: TableRecipe, network: Network) -> None:
        self.signature = signature
        self._codes, self._numbers = _made(signature, recipe)
        self._takes_numbers = len(network.inputs) > 1
        self._least = 1 if recipe.lone else 2
        self._network = network

    def encode(self, item: Item) -> Encoded:
        """Bring one row to codes and values."""
        assert isinstance(item, dict)  # noqa: S101 - validation made it
        values = [number.of(item) for number in self._numbers]
        if not all(abs(value) <= LARGEST for value in values):
            raise self._fault(values)
        return [[code.of(item) for code in self._codes]], [values]

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
        all_codes, all_values = zip(*batch, strict=True)
        codes, values = _joined(all_codes, np.int64), _joined(all_values, np.float32)
        fits = (np.abs(values) <= LARGEST).all(axis=1)
        if fits.all():
            return self._answers(codes, values)
        good = iter(self._answers(codes[fits], values[fits]) if fits.any() else [])
        return [
            next(good) if fit else self._fault(row)
            for fit, row in zip(fits.tolist(), values.tolist(), strict=True)
        ]

    def _answers(self, codes: NDArray[np.int64], values: NDArray[np.float32]) -> Outcomes:
        inputs: list[NDArray[Any]] = [codes, values] if self._takes_numbers else [codes]
        if (rows := len(codes)) < self._least:
            inputs = [np.repeat(part, self._least, axis=0) for part in inputs]
        outputs = [output[:rows] for output in self._network(*inputs)]
        return decode_batch(self.signature.output, outputs)

    def _fault(self, values: Sequence[float]) -> InvalidInput:
        """Tell which numbers are so far from the training's that the network may overflow."""
        pairs = zip(self._numbers, values, strict=True)
        names = [number.name for number, value in pairs if not abs(value) <= LARGEST]
        problem = (
            f"expected a number of at most {LARGEST:g} once it is normalised, got a larger one"
        )
        return InvalidInput([Violation(f"row.{cell_path(name)}", problem) for name in names])


class _Code(ABC):
    """A column of codes that the network takes."""

    @abstractmethod
    def of(self, row: Row) -> int:
        """Give a row's code."""

    @abstractmethod
    def of_all(self, columns: CheckedColumns) -> NDArray[np.int64]:
        """Give all rows' codes."""


class _Category(_Code):
    """See CategoryRecipe."""

    def __init__(self, name: str, positions: dict[Any, int]) -> None:
        self._name = name
        self._positions = positions

    def of(self, row: Row) -> int:
        return self._positions.get(row[self._name], NULL) + 1

    def of_all(self, columns: CheckedColumns) -> NDArray[np.int64]:
        return columns.positions[self._name] + 1


class _Missing(_Code):
    """See MissingRecipe."""

    def __init__(self, name: str, codes: tuple[int, int]) -> None:
        self._name = name
        self._codes = codes
        self._array = np.array(codes)

    def of(self, row: Row) -> int:
        return self._codes[row[self._name] is None]

    def of_all(self, columns: CheckedColumns) -> NDArray[np.int64]:
        codes: NDArray[np.int64] = self._array[np.isnan(columns.numbers[self._name]).astype(int)]
        return codes


class _Number:
    """See NumberRecipe.

    fastai computes in Python's floats, whatever the type of its means and deviations, since
    `learner.predict` makes a row of objects.
    """

    def __init__(self, recipe: NumberRecipe) -> None:
        self.name = recipe.column
        self._fill = float("nan") if recipe.fill is None else recipe.fill
        self._mean, self._deviation = recipe.mean, recipe.deviation

    def of(self, row: Row) -> float:
        cell: Any = row[self.name]
        value: float = self._fill if cell is None else cell
        return (value - self._mean) / self._deviation

    def of_all(self, columns: CheckedColumns) -> NDArray[np.float64]:
        numbers = columns.numbers[self.name]
        filled = np.where(np.isnan(numbers), self._fill, numbers)
        return (filled - self._mean) / self._deviation


def _made(signature: Signature, recipe: TableRecipe) -> tuple[list[_Code], list[_Number]]:
    spec = signature.input
    columns = {one.name: one for one in spec.columns} if isinstance(spec, TabularInput) else {}
    numbers = {name for name, column in columns.items() if column.categories is None}
    categories = {name: one.positions for name, one in columns.items() if name not in numbers}
    codes: list[_Code] = []
    for code in recipe.codes:
        if code.column not in (categories if code.kind == "category" else numbers):
            raise ValueError(f'the model takes no such column as "{code.column}" ({code.kind})')
        if code.kind == "category":
            codes.append(_Category(code.column, categories[code.column]))
        else:
            codes.append(_Missing(code.column, code.codes))
    for number in recipe.numbers:
        if number.column not in numbers or not number.deviation:
            raise ValueError(f'the model takes no such number as "{number.column}"')
    return codes, list(map(_Number, recipe.numbers))


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
