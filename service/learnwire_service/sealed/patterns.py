"""Regular expressions that come with a recipe: none that could take exponential time."""

import hashlib
import re
from collections.abc import Iterator
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_LONGEST = 200_000
_REPEATS = {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}
_REFUSED = {ops.GROUPREF, ops.GROUPREF_EXISTS, ops.GROUPREF_IGNORE, ops.GROUPREF_LOC_IGNORE}
# spaCy's own pattern of addresses: repeats in repeats, but each ends with a dot that is not in it.
_KNOWN = {"7adb1342672774f94ffb32ef3bc6eb2f7a5a803ab8c51920bba19c34fd9cec14"}


def checked(pattern: str) -> re.Pattern[str]:
    """Compile a pattern.

    Raises:
        ValueError: it is too long, refers to its own groups, or has a repeat inside a repeat, by
            which a few characters might be matched in very many ways.
    """
    if len(pattern) > _LONGEST:
        raise ValueError(f"a pattern has {len(pattern)} characters, more than {_LONGEST}")
    try:
        if hashlib.sha256(pattern.encode()).hexdigest() not in _KNOWN:
            _check(parser.parse(pattern), repeated=False)
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"a pattern does not compile: {error}") from error


def _check(parsed: Any, *, repeated: bool) -> None:
    for op, argument in parsed:
        if op in _REFUSED:
            raise ValueError("a pattern refers to a group of its own")
        several = False
        if op in _REPEATS:
            least, most, _ = argument
            several = most > 1
            if repeated and least != most:
                raise ValueError("a pattern has a repeat inside a repeat")
        for part in _parts(argument):
            _check(part, repeated=repeated or several)


def _parts(argument: Any) -> Iterator[Any]:
    """Give the patterns inside an operator's argument, wherever they stand in it."""
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for one in argument:
            yield from _parts(one)
