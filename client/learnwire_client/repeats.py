"""Columns that repeat their strings: each string once, and where each cell's stands."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from learnwire.v1 import io_pb2

from .arrays import AnyArray, decode_array, encode_array
from .errors import FieldError, below

# Where a column has more distinct strings for each of its cells, they are sent as they are.
_MOST_DISTINCT = 0.5


def pays_off(distinct: int, cells: int) -> bool:
    """Tell whether so many distinct strings among so many cells are worth `indices`."""
    return 0 < distinct <= cells * _MOST_DISTINCT


def find_repeats(cells: Sequence[str]) -> tuple[AnyArray, AnyArray] | None:
    """Give the distinct strings of a column, and where each cell's stands among them.

    Returns:
        None where that does not pay off.
    """
    places: dict[str, int] = {}
    indices = [places.setdefault(cell, len(places)) for cell in cells]
    if not pays_off(len(places), len(cells)):
        return None
    strings = np.empty(len(places), object)
    strings[:] = list(places)
    return strings, np.array(indices, np.int64)


def encode_repeats(
    name: str, strings: AnyArray, indices: AnyArray, present: AnyArray | None
) -> io_pb2.Column:
    """Encode a column of that name.

    Args:
        name: the column's.
        strings: distinct, as objects [k].
        indices: int64 [n]; those of nulls are of no account.
        present: which cells are not null, bool [n]; None where all are.

    Raises:
        FieldError: a string has no form on the wire.
    """
    with below("values"):
        values = encode_array(strings)
    # A null's is made one that every receiver takes.
    indices = indices if present is None else np.where(present, indices, 0)
    return io_pb2.Column(
        name=name,
        values=values,
        valid=None if present is None else encode_array(present),
        indices=encode_array(indices.astype(np.min_scalar_type(max(len(strings) - 1, 0)))),
    )


def decode_indices(
    message: io_pb2.NdArray, strings: AnyArray, present: AnyArray | None
) -> AnyArray:
    """Decode the indices of a column, int64 [n]; those of nulls become 0.

    Args:
        message: the column's `indices`.
        strings: its `values`, [k].
        present: which cells are not null, bool; None where all are.

    Raises:
        FieldError: they do not stand for strings; its field is relative to the column.
    """
    if strings.dtype.kind != "O":
        problem = f"expected strings, as there are indices, got {strings.dtype.name}"
        raise FieldError("values.data_type", problem)
    ((twice, count),) = Counter(strings.ravel().tolist()).most_common(1) or [("", 0)]
    if count > 1:
        raise FieldError("values", f'expected each string once, got "{twice}" {count} times')
    with below("indices"):
        indices = decode_array(message, np.dtype(np.int64))
        if indices.ndim != 1:
            raise FieldError("shape", f"expected one dimension, got {indices.ndim}")
        if indices.dtype.kind not in "iu":
            raise FieldError("data_type", f"expected integers, got {indices.dtype.name}")
    if present is not None and len(present) != len(indices):
        raise FieldError("valid", f"expected {len(indices)} as in indices, got {len(present)}")
    wrong = (indices < 0) | (indices >= len(strings))
    if present is not None:
        wrong &= present
    if wrong.any():
        row = int(np.argmax(wrong))
        problem = f"expected indices of the {len(strings)} values, got {indices[row]} in row {row}"
        raise FieldError("indices", problem)
    found = indices.astype(np.int64)
    return found if present is None else np.where(present, found, 0)


def repeated(strings: AnyArray, indices: AnyArray) -> AnyArray:
    """Give the cells of a column by what `decode_indices` gave, "" where null."""
    return strings[indices] if len(strings) else np.full(len(indices), "", object)
