"""Arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from learnwire_client.arrays import AnyArray, data_type_of
from learnwire_client.errors import FieldError
from numpy.typing import DTypeLike

from .answered import as_elements
from .base import Descriptor, kind_of, refuse

_STRING = np.dtype(object)


class NdArray(Descriptor):
    """An array, as an ndarray; strings are an array of objects.

    As an output it may also be what numpy makes an array of: numbers, nested lists, tensors; or a
    prediction or several, whose probabilities are then the array.

    An array of another element type is cast where that loses nothing: an integer, a bool or
    a whole float becomes any type that can hold it, a float also a float of fewer bits, if
    it is not too large for it. All else is refused: NaN as an integer, 1.5 as an integer,
    300 as uint8, strings as numbers.

    Usage: `lw.NdArray(dtype="float32", shape=(-1, 3), enforce_shape=True)`

    Args:
        dtype: the element type, as numpy calls it; None: any.
        shape: -1 where any size is taken; None: any.
        enforce_dtype: whether another element type is refused rather than cast.
        enforce_shape: whether another shape is refused; otherwise `shape` only tells.

    Attributes:
        dtype: the element type, object for strings.
        shape: as a tuple.
        enforce_dtype: as given.
        enforce_shape: as given.

    Raises:
        TypeError: `dtype` is none.
        ValueError: `dtype` does not travel, `shape` is none, or what is not said is enforced.
    """

    def __init__(
        self,
        dtype: DTypeLike | None = None,
        shape: Sequence[int] | None = None,
        *,
        enforce_dtype: bool = False,
        enforce_shape: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else _element_type(dtype)
        self.shape = None if shape is None else tuple(shape)
        if any(not isinstance(size, int) or size < -1 for size in self.shape or ()):
            raise ValueError(f"shape: expected sizes, -1 for any, got {shape}")
        if enforce_dtype and dtype is None:
            raise ValueError("enforce_dtype: expected a dtype beside it, got none")
        if enforce_shape and shape is None:
            raise ValueError("enforce_shape: expected a shape beside it, got none")
        self.enforce_dtype = enforce_dtype
        self.enforce_shape = enforce_shape

    def __repr__(self) -> str:
        return f"NdArray(dtype={self.dtype}, shape={self.shape})"

    @property
    def field(self) -> str:
        """See Descriptor."""
        return "array"

    def check(self, value: object, *, max_text_chars: int | None = None) -> AnyArray:
        """See Descriptor."""
        array = _array(value)
        if self.enforce_shape and not self._fits(array.shape):
            refuse("array.shape", f"expected {_listed(self.shape)}, got {_listed(array.shape)}")
        if self.dtype is None or array.dtype == self.dtype:
            return array
        if self.enforce_dtype:
            refuse("array.data_type", f"expected {_name(self.dtype)}, got {_name(array.dtype)}")
        return _cast(array, self.dtype)

    def _fits(self, shape: tuple[int, ...]) -> bool:
        wanted = self.shape or ()
        return len(shape) == len(wanted) and all(
            size in (-1, got) for got, size in zip(shape, wanted, strict=True)
        )


def _element_type(said: DTypeLike) -> np.dtype[Any]:
    dtype = np.dtype(said)
    dtype = _STRING if dtype.kind in "UT" else dtype.newbyteorder("=")
    try:
        data_type_of(dtype)
    except FieldError as error:
        raise ValueError(f"dtype: {error.violation.description}") from None
    return dtype


def _array(value: object) -> AnyArray:
    """Make an array that can travel."""
    value = as_elements(value)
    if value is None or isinstance(value, str | bytes | dict | set):
        refuse("array", f"expected an array, got {kind_of(value)}")
    try:
        array: AnyArray = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):
        refuse("array", f"expected an array, got {kind_of(value)} that makes none")
    if array.dtype.kind in "UT":
        array = np.asarray(value, _STRING)  # beside a string, numpy made strings of numbers
    try:
        data_type_of(array.dtype)
    except FieldError as error:
        refuse("array.data_type", error.violation.description)
    if array.dtype == _STRING and not all(isinstance(one, str) for one in array.flat):
        refuse("array", f"expected an array of one type, got {kind_of(value)} of several")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _cast(array: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    problem: str | None
    if array.size == 0:
        problem = None
    elif _STRING in (array.dtype, dtype):
        problem = _name(array.dtype)
    elif dtype.kind == "f":
        problem = _beyond_float(array, dtype)
    else:
        problem = _beyond_integer(array, dtype)
    if problem:
        refuse("array", f"expected elements that {_name(dtype)} can hold, got {problem}")
    return array.astype(dtype)


def _beyond_float(array: AnyArray, dtype: np.dtype[Any]) -> str | None:
    limits = np.finfo(dtype)
    if array.dtype.kind == "f":
        found = np.isfinite(array) & (np.abs(array) > limits.max)
    elif array.dtype.kind == "b":
        return None
    else:
        most = 2 ** (limits.nmant + 1)  # beyond, not every integer is a float
        found = (array > most) | (array < -most)
    return _first(array, found)


def _beyond_integer(array: AnyArray, dtype: np.dtype[Any]) -> str | None:
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if array.dtype.kind == "f":
        wide = array.astype(np.float64)
        # As a double `high` may be one more than it is.
        fits = (wide == np.trunc(wide)) & (wide >= float(low)) & (wide < float(high) + 1.0)
        return _first(array, ~fits)
    if array.dtype.kind == "b":
        return None
    return _first(array, (array > high) | (array < low))


def _first(array: AnyArray, found: AnyArray) -> str | None:
    wrong = array[found]
    return str(wrong.flat[0]) if wrong.size else None


def _name(dtype: np.dtype[Any]) -> str:
    return "strings" if dtype == _STRING else dtype.name


def _listed(shape: Sequence[int] | None) -> str:
    return str(list(shape or ()))
