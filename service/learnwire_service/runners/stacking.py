"""Stacking: the rows of several calls put together, and a result's rows given back to each.

Arrays have their rows along a dimension, pandas' DataFrames and Series and lists along their
length. Nothing here imports pandas: where nobody has, nothing is of its kinds.
"""

import sys
from collections.abc import Hashable, Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np


def has_rows(value: object) -> bool:
    """Tell what can be stacked from all else."""
    array = isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)
    return array or isinstance(value, list) or is_pandas(value)


def is_pandas(value: object) -> bool:
    """Tell a DataFrame or a Series from all else."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame | pandas.Series)


def count_rows(value: Any, dim: int) -> int:
    """Count the rows of a value that has some.

    Raises:
        ValueError: it is an array without that dimension.
    """
    if not isinstance(value, np.ndarray):
        return len(value)
    if value.ndim <= dim:
        raise ValueError(f"expected an array with a dimension {dim}, got shape {value.shape}")
    return int(value.shape[dim])


def kind_of(value: Any, dim: int) -> Hashable:
    """Give what is equal for values that can be stacked."""
    if isinstance(value, np.ndarray):
        return type(value), value.dtype, value.shape[:dim], value.shape[dim + 1 :]
    if isinstance(value, list):
        return list, _types(value)
    if hasattr(value, "columns"):
        return type(value), tuple(value.columns), tuple(value.dtypes)
    return type(value), value.name, value.dtype


def stack(values: Sequence[Any], dim: int) -> Any:
    """Put values of one kind together; the rows of DataFrames and Series are numbered anew."""
    if is_pandas(values[0]):
        if len(values) == 1:
            return values[0].reset_index(drop=True)
        return sys.modules["pandas"].concat(values, ignore_index=True)
    if len(values) == 1:
        return values[0]
    if isinstance(values[0], list):
        return list(chain.from_iterable(values))
    return np.concatenate(values, axis=dim)


def split(result: Any, sizes: Sequence[int], indexes: Sequence[Any], dim: int) -> list[Any]:
    """Give each call its rows of a result.

    Args:
        result: an array, a DataFrame or Series, a list, or a tuple of these.
        sizes: how many rows each call has.
        indexes: how the rows of each call were numbered, where pandas did; else None.
        dim: the dimension of arrays that is their rows'.

    Raises:
        ValueError: it has more or fewer rows, or in another order, or is something else.
    """
    if isinstance(result, tuple):
        each = zip(*(split(one, sizes, indexes, dim) for one in result), strict=True)
        make = getattr(type(result), "_make", tuple)
        return [make(parts) for parts in each]
    if not has_rows(result):
        raise ValueError(
            "expected an array, a DataFrame, a Series, a list or a tuple of them, a row for each "
            f"row that was given, got {type(result).__name__}"
        )
    if (rows := count_rows(result, dim)) != sum(sizes):
        raise ValueError(f"expected {sum(sizes)} rows, as many as were given, got {rows}")
    if len(sizes) == 1 and not is_pandas(result):
        return [result]
    bounds = [slice(end - size, end) for end, size in zip(accumulate(sizes), sizes, strict=True)]
    if is_pandas(result):
        anew = sys.modules["pandas"].RangeIndex(rows)
        _check_order(result.index, anew)
        parts = [result.iloc[bound] for bound in bounds]
        return list(map(_numbered, parts, indexes)) if result.index.equals(anew) else parts
    if isinstance(result, list):
        return [result[bound] for bound in bounds]
    # Copies: a caller who keeps his rows is not to keep those of all others.
    return [result[(slice(None),) * dim + (bound,)].copy() for bound in bounds]


def _types(value: list[Any]) -> frozenset[Any]:
    """Tell what is in a list: numbers would not stay what they are beside strings."""
    return frozenset(_types(one) if isinstance(one, list) else type(one) for one in value)


def _check_order(index: Any, anew: Any) -> None:
    """Refuse rows that were moved about: they would come to other callers."""
    numbers = index.name is None and index.dtype.kind == "i"
    if numbers and not index.equals(anew) and index.sort_values().equals(anew):
        raise ValueError("expected the rows in the order in which they were given, got another")


def _numbered(part: Any, index: Any) -> Any:
    if index is None:
        return part.reset_index(drop=True)
    return part.set_axis(index)
