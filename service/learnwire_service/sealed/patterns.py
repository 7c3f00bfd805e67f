"""Regular expressions that come with a recipe: none that could take long."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from re import _compiler as compiler  # type: ignore[attr-defined]
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

# The longest run of the characters that a pattern repeats before something that may fail.
LONGEST_RUN = 1_000

_LONGEST = 200_000
# In how many steps a pattern may be tried at one place, endless repeats counted once; spaCy's own
# need 1,700 at most, nearly all of which fail at their first character.
_MOST_STEPS = 2_048
_LOOKS = {ops.ASSERT, ops.ASSERT_NOT}
_REPEATS = {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}
_REFUSED = {ops.GROUPREF, ops.GROUPREF_EXISTS, ops.GROUPREF_IGNORE, ops.GROUPREF_LOC_IGNORE}
_SINGLE = {ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN, ops.CATEGORY}
_ENDS = {ops.AT_END, ops.AT_END_STRING}
_BEGINNINGS = {ops.AT_BEGINNING, ops.AT_BEGINNING_STRING}
# spaCy's own pattern of addresses: repeats in repeats, but each ends with a dot that is not in it.
_KNOWN = {"7adb1342672774f94ffb32ef3bc6eb2f7a5a803ab8c51920bba19c34fd9cec14"}


class Checked:
    """A pattern that takes a bounded number of steps at each place of a text without long runs.

    Raises:
        ValueError: it is too long, or could be matched in very many ways: it refers to its own
            groups, has a repeat or a choice inside a repeat, or several repeats in a row.

    Attributes:
        compiled: the pattern.
        at_beginning: whether it matches nowhere else.
        at_end: whether it matches nowhere else.
        has_runs: whether it repeats characters without end before something that may fail, and
            so may try a run of them again from each of its places.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > _LONGEST:
            raise ValueError(f"a pattern has {len(pattern)} characters, more than {_LONGEST}")
        runs: list[Any] = []
        try:
            self.compiled = re.compile(pattern)
            parsed = parser.parse(pattern)
            if hashlib.sha256(pattern.encode()).hexdigest() not in _KNOWN:
                runs = _checked(parsed)
            self._runs = [_run_of(one) for one in runs]
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"a pattern does not compile: {error}") from error
        self.at_beginning = _stands(parsed, _BEGINNINGS, 0)
        self.at_end = _stands(parsed, _ENDS, -1)
        self.has_runs = bool(runs)

    def check(self, text: str) -> None:
        """Check that the pattern takes linear time for a text.

        Raises:
            ValueError: the text has a run that is too long for it.
        """
        for runs in self._runs:
            for match in runs.finditer(text):
                if match.end() - match.start() > LONGEST_RUN:
                    raise ValueError(
                        f"expected at most {LONGEST_RUN} characters such as {match[0][0]!r} in a "
                        f"row, got {len(match[0])}"
                    )


class _Cost(NamedTuple):
    """What a part of a pattern costs at a place.

    Attributes:
        ways: in how many ways it may match.
        steps: in how many steps all are tried.
        varying: how many repeats of several lengths are in a row.
    """

    ways: int = 1
    steps: int = 1
    varying: int = 0


def _checked(parsed: Any) -> list[Any]:
    """Check a pattern; give what it repeats without end before something that may fail."""
    cost = _cost(parsed, repeated=False)
    if cost.varying > 1 or cost.steps > _MOST_STEPS:
        raise ValueError("a pattern has too many repeats or choices in a row")
    return list(_runs(parsed, last=True))


def _cost(parsed: Iterable[Any], *, repeated: bool) -> _Cost:
    ways, steps, varying = 1, 0, 0
    for op, argument in reversed(list(parsed)):
        one = _cost_of(op, argument, repeated=repeated)
        ways, steps = min(one.ways * ways, _MOST_STEPS + 1), one.steps + one.ways * steps
        varying += one.varying
    return _Cost(ways, min(steps, _MOST_STEPS + 1), varying)


def _cost_of(op: Any, argument: Any, *, repeated: bool) -> _Cost:
    if op in _REFUSED:
        raise ValueError("a pattern refers to a group of its own")
    if op is ops.SUBPATTERN and any(argument[1:3]):
        raise ValueError("a part of a pattern has flags of its own")
    if op is ops.BRANCH:
        if repeated:
            raise ValueError("a pattern has a choice inside a repeat")
        return _cost_of_choice(argument[1])
    if op in _LOOKS:
        return _cost(argument[1], repeated=repeated)._replace(ways=1)
    if op not in _REPEATS:
        parts = [_cost(part, repeated=repeated) for part in _parts(argument)]
        return parts[0] if parts else _Cost()
    least, most, inner = argument
    if repeated:
        raise ValueError("a pattern has a repeat inside a repeat")
    cost = _cost(inner, repeated=True)
    if most is ops.MAXREPEAT:
        return _Cost(1, least * cost.steps + 1, 1)
    return _Cost(most - least + 1, most * cost.steps, int(most > least))


def _cost_of_choice(parts: Iterable[Any]) -> _Cost:
    """Give what a choice costs: of parts that begin with other characters only one goes on."""
    alike: dict[Any, list[_Cost]] = defaultdict(list)
    for part in parts:
        alike[_first(part)].append(_cost(part, repeated=False))
    some = [_together(costs) for first, costs in alike.items() if first is not None]
    always = _together(alike[None])
    return _Cost(
        always.ways + max((one.ways for one in some), default=0),
        sum(map(len, alike.values())) + always.steps + max((one.steps for one in some), default=0),
        max(always.varying, *(one.varying for one in some), 0),
    )


def _together(costs: Iterable[_Cost]) -> _Cost:
    ways, steps, varying = 0, 0, 0
    for one in costs:
        ways, steps, varying = ways + one.ways, steps + one.steps, max(varying, one.varying)
    return _Cost(ways, steps, varying)


def _first(parsed: Any) -> Any:
    """Give the character that a part must begin with, None where it may be several."""
    for op, argument in parsed:
        if op is ops.SUBPATTERN:
            return _first(argument[-1])
        return argument if op is ops.LITERAL else None
    return None


def _runs(parsed: Any, *, last: bool) -> Iterator[Any]:
    """Give what is repeated without end before something that may fail.

    Args:
        parsed: a part of a pattern.
        last: whether nothing comes behind it.

    Raises:
        ValueError: what is repeated is no single character.
    """
    parts = list(parsed)
    for place, (op, argument) in enumerate(parts, 1):
        ends = last and place == len(parts)
        if op in _REPEATS and argument[1] is ops.MAXREPEAT:
            inner = list(argument[2])
            if len(inner) != 1 or inner[0][0] not in _SINGLE:
                raise ValueError("a pattern repeats more than a character without end")
            if not ends:
                yield argument[2]
        elif op is ops.BRANCH:
            for part in argument[1]:
                yield from _runs(part, last=ends)
        else:
            for part in _parts(argument):
                yield from _runs(part, last=ends and op not in _LOOKS)


def _run_of(single: Any) -> re.Pattern[str]:
    """Compile what finds the runs of a single character, in linear time."""
    repeat = (ops.POSSESSIVE_REPEAT, (1, ops.MAXREPEAT, single))
    run: re.Pattern[str] = compiler.compile(parser.SubPattern(single.state, [repeat]))
    return run


def _stands(parsed: Any, wanted: set[Any], place: int) -> bool:
    """Tell whether one of these marks stands at an end of all ways through a pattern."""
    parts = list(parsed)
    if not parts:
        return False
    op, argument = parts[place]
    if op is ops.BRANCH:
        return all(_stands(part, wanted, place) for part in argument[1])
    return (
        argument in wanted
        if op is ops.AT
        else (op is ops.SUBPATTERN and _stands(argument[-1], wanted, place))
    )


def _parts(argument: Any) -> list[Any]:
    given = argument if isinstance(argument, tuple) else (argument,)
    return [one for one in given if isinstance(one, parser.SubPattern)]
