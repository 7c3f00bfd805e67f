"""Regular expressions that come with a recipe: none that could take more than quadratic time."""

import hashlib
import math
import re
from itertools import chain
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_LONGEST = 200_000
_REPEATS = {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}
_REFUSED = {ops.GROUPREF, ops.GROUPREF_EXISTS, ops.GROUPREF_IGNORE, ops.GROUPREF_LOC_IGNORE}
# In how many ways a place may be matched, endless repeats aside; spaCy's patterns need 1,300.
_MOST_WAYS = 4096
# spaCy's own pattern of addresses: repeats in repeats, but each ends with a dot that is not in it.
_KNOWN = {"7adb1342672774f94ffb32ef3bc6eb2f7a5a803ab8c51920bba19c34fd9cec14"}


def checked(pattern: str) -> re.Pattern[str]:
    """Compile a pattern.

    Raises:
        ValueError: it is too long, or could be matched in very many ways: it refers to its own
            groups, has a repeat or a choice inside a repeat, or many repeats in a row.
    """
    if len(pattern) > _LONGEST:
        raise ValueError(f"a pattern has {len(pattern)} characters, more than {_LONGEST}")
    try:
        if hashlib.sha256(pattern.encode()).hexdigest() not in _KNOWN:
            _check(parser.parse(pattern))
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"a pattern does not compile: {error}") from error


def _check(parsed: Any) -> None:
    ways, endless = _ways(parsed, repeated=False)
    if ways > _MOST_WAYS or endless > 1:
        raise ValueError("a pattern has too many repeats or choices in a row")


def _ways(parsed: Any, *, repeated: bool) -> tuple[int, int]:
    """Count in how many ways a pattern may match at a place, and its endless repeats in a row."""
    found = [_ways_of(op, argument, repeated=repeated) for op, argument in parsed]
    return math.prod(ways for ways, _ in found), sum(endless for _, endless in found)


def _ways_of(op: Any, argument: Any, *, repeated: bool) -> tuple[int, int]:
    if op in _REFUSED:
        raise ValueError("a pattern refers to a group of its own")
    if op is ops.BRANCH:
        if repeated:
            raise ValueError("a pattern has a choice inside a repeat")
        each = [_ways(one, repeated=False) for one in argument[1]]
        return sum(ways for ways, _ in each), max(endless for _, endless in each)
    if op not in _REPEATS:
        parts = argument if isinstance(argument, tuple) else (argument,)
        inner = (one for one in parts if isinstance(one, parser.SubPattern))
        return _ways(chain.from_iterable(inner), repeated=repeated)
    least, most, inner = argument
    if repeated and least != most:
        raise ValueError("a pattern has a repeat inside a repeat")
    ways, endless = _ways(inner, repeated=repeated or most > 1)
    if most is ops.MAXREPEAT:
        return ways, endless + 1
    return ways + most - least, endless
