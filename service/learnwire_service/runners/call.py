"""A call of a runner's method: its arguments, and which other calls it can be made with."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from learnwire_client.errors import Violation

from ..common.errors import Asked, InvalidInput
from .runnable import MethodOptions
from .stacking import count_rows, has_rows, is_pandas, kind_of, split, stack

# By position, an int, or by name, a str.
Arguments = Mapping[Any, Any]

_PLAIN = (str, bytes, bool, int, float, type(None))


@dataclass(frozen=True)
class Call:
    """One call of one method.

    Attributes:
        method: the method's name.
        options: how it may be called.
        arguments: by position or, where the method asks for that, by name.
        rows: how many rows it has.
        kind: what is equal for calls that can be made as one.
        index: how pandas numbered its rows; None where it has none of pandas'.
    """

    method: str
    options: MethodOptions
    arguments: Arguments
    rows: int = 1
    kind: Hashable = None
    index: Any = None

    @property
    def size(self) -> int:
        """Count its rows in a batch: a call of none is made too, and counts as one."""
        return max(1, self.rows)

    @property
    def bytes(self) -> int:
        """Count those of its arrays."""
        arrays = (one for one in self.arguments.values() if isinstance(one, np.ndarray))
        return sum(one.nbytes for one in arrays)

    @classmethod
    def of(
        cls,
        method: str,
        options: MethodOptions,
        arguments: Arguments,
        parameters: Sequence[str],
    ) -> "Call":
        """Make a call.

        Args:
            method: the method's name.
            options: how it may be called.
            arguments: by position, or by name where the method asks for that.
            parameters: the names of those by position, as far as they have one.

        Raises:
            InvalidInput: the method is batchable and its arguments have no rows, or not as
                many as each other.
        """
        if not options.batchable:
            return cls(method, options, arguments)
        dim = options.batch_dim
        stacked = {
            _field(key, parameters): value for key, value in arguments.items() if has_rows(value)
        }
        with InvalidInput.of(Asked(stacked)):
            rows = _common_rows(method, stacked, dim)
        kind = (method, *((key, _kind(value, dim)) for key, value in arguments.items()))
        index = next((value.index for value in stacked.values() if is_pandas(value)), None)
        return cls(method, options, arguments, rows, kind, index)


def make_together(calls: Sequence[Call], method: Any) -> list[Any]:
    """Call a method once for calls of one kind, and give each its rows of the result.

    Raises:
        ValueError: the result has not a row for each row that was given.
        Exception: whatever the method raises.
    """
    first, dim = calls[0], calls[0].options.batch_dim
    arguments = {
        key: stack([call.arguments[key] for call in calls], dim) if has_rows(value) else value
        for key, value in first.arguments.items()
    }
    sizes, indexes = [call.rows for call in calls], [call.index for call in calls]
    return split(apply(method, arguments), sizes, indexes, dim)


def spread(results: Sequence[Any], calls: Sequence[Call]) -> list[Any]:
    """Give each row of each call the call's result, as the engine counts them."""
    return [result for result, call in zip(results, calls, strict=True) for _ in range(call.size)]


def apply(method: Any, arguments: Arguments) -> Any:
    """Call a method with arguments by position and by name."""
    given = [value for key, value in arguments.items() if isinstance(key, int)]
    named = {key: value for key, value in arguments.items() if isinstance(key, str)}
    return method(*given, **named)


def _field(key: int | str, parameters: Sequence[str]) -> str:
    if isinstance(key, str):
        return key
    return parameters[key] if key < len(parameters) else f"argument {key + 1}"


def _common_rows(method: str, stacked: Mapping[str, Any], dim: int) -> int:
    if not stacked:
        raise InvalidInput(
            [Violation(method, "expected rows in an array, a DataFrame, a Series or a list")]
        )
    counts: dict[str, int] = {}
    for name, value in stacked.items():
        try:
            counts[name] = count_rows(value, dim)
        except ValueError as error:
            raise InvalidInput([Violation(name, str(error))]) from None
    first, rows = next(iter(counts.items()))
    unequal = [
        Violation(name, f"expected {rows} rows, as {first} has, got {count}")
        for name, count in counts.items()
        if count != rows
    ]
    if unequal:
        raise InvalidInput(unequal)
    return rows


def _kind(value: Any, dim: int) -> Hashable:
    """Give what must be equal of an argument; what is no plain value equals nothing."""
    if has_rows(value):
        return kind_of(value, dim)
    return (type(value), repr(value)) if type(value) in _PLAIN else object()
