"""Two locks of one model, as where it is saved in two stores: contradictions, and both as one."""

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from typing import TypeVar

from ..common.errors import ContractClash, plain
from .comments import quoted
from .lock import (
    Lock,
    LockedArray,
    LockedArrays,
    LockedColumn,
    LockedField,
    LockedHead,
    LockedInput,
    LockedRow,
    LockedValue,
    LockedVersion,
    Major,
)

_MOST_TOLD = 5

_Numbered = TypeVar("_Numbered", LockedValue, LockedField, LockedColumn)


def joined(here: Lock, there: Lock) -> Lock:
    """Give a lock with all the names and numbers of two.

    Args:
        here: that of the store.
        there: that of a version which comes from elsewhere; of versions that have one name, its
            own counts.

    Raises:
        ContractClash: they contradict each other; the message says where.
    """
    problems = list(contradictions(here, there))
    if problems:
        more = len(problems) - _MOST_TOLD
        told = "; ".join(problems[:_MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")
        raise ContractClash(
            f"the contract.json of {here.model} here gives other names or numbers than the one "
            f"that comes with it, so stubs of one would misread the other: {plain(told)}"
        )
    majors = {major.number: major for major in here.majors}
    for major in there.majors:
        known = majors.get(major.number)
        majors[major.number] = major if known is None else _joined_major(known, major)
    return here.model_copy(update={"majors": tuple(majors[number] for number in sorted(majors))})


def contradictions(here: Lock, there: Lock) -> Iterator[str]:
    """Say where two locks give other names or numbers, a sentence each; nothing where they fit."""
    if here.package != there.package:
        yield f"its package is {here.package} here and {there.package} there"
    majors = {major.number: major for major in here.majors}
    for major in there.majors:
        if major.number in majors:
            where = f"in v{major.number}, "
            for problem in _of_majors(majors[major.number], major):
                yield where + problem
    speaks = {(one.version, one.created): major.number for major, one in _versions(here)}
    for major, one in _versions(there):
        number = speaks.get((one.version, one.created), major.number)
        if number != major.number:
            yield f"version {one.version} speaks v{number} here and v{major.number} there"


def _versions(lock: Lock) -> Iterator[tuple[Major, LockedVersion]]:
    return ((major, one) for major in lock.majors for one in major.versions)


def _of_majors(here: Major, there: Major) -> Iterator[str]:
    yield from _of_inputs(here.input, there.input)
    if here.several != there.several or len(here.heads) != len(there.heads):
        yield f"it has {len(here.heads)} outputs here and {len(there.heads)} there"
        return
    for one, other in zip(here.heads, there.heads, strict=True):
        yield from _of_heads(one, other)


def _of_inputs(here: LockedInput, there: LockedInput) -> Iterator[str]:
    match here, there:
        case LockedRow(), LockedRow():
            yield from _of_numbers("column", here.columns, there.columns)
        case LockedArrays(), LockedArrays():
            yield from _of_arrays(here.arrays, there.arrays)
        case _ if here.kind != there.kind:
            yield f"it takes {here.kind} here and {there.kind} there"


def _of_arrays(here: Sequence[LockedArray], there: Sequence[LockedArray]) -> Iterator[str]:
    for one, other in zip_longest(here, there):
        if _fixed(one) != _fixed(other):
            yield f"an array is {_fixed(one)} here and {_fixed(other)} there"


def _fixed(array: LockedArray | None) -> str:
    if array is None:
        return "not there"
    return f"{array.name} = {array.number}, a {array.message} of {len(array.shape)} dimensions"


def _of_heads(here: LockedHead, there: LockedHead) -> Iterator[str]:
    if (here.kind, here.points) != (there.kind, there.points):
        yield f"it answers {here.kind} here and {there.kind} there"
    yield from _of_numbers("class", here.classes, there.classes)
    yield from _of_numbers("target", here.targets, there.targets)
    for i, (one, other) in enumerate(zip(here.pixels, there.pixels, strict=False)):
        if one != other:
            yield f"index {i} of the mask is {quoted(one)} here and {quoted(other)} there"


def _of_numbers(noun: str, here: Sequence[_Numbered], there: Sequence[_Numbered]) -> Iterator[str]:
    known = {one.original: one for one in here}
    numbers, names = ({getattr(one, part): one for one in here} for part in ("number", "name"))
    for other in there:
        if one := known.get(other.original):
            mine, its = _given(one), _given(other)
            if mine != its:
                yield f"{noun} {quoted(one.original)} is {mine} here and {its} there"
        elif one := numbers.get(other.number) or names.get(other.name):
            yield (
                f"{noun} {quoted(one.original)} is {_given(one)} here, and "
                f"{quoted(other.original)} is {_given(other)} there"
            )


def _given(one: LockedValue | LockedField) -> str:
    """Give what was given for ever, as it stands in the contract."""
    text = f"{one.name} = {one.number}"
    if isinstance(one, LockedField):
        text += f" ({one.json_name} in JSON)" if one.json_name != one.name else ""
    return f"{one.type} {text}" if isinstance(one, LockedColumn) else text


def _joined_major(here: Major, there: Major) -> Major:
    heads = map(_joined_heads, here.heads, there.heads)
    update = {
        "versions": _joined_versions(here.versions, there.versions),
        "input": _joined_inputs(here.input, there.input),
        "heads": tuple(heads),
    }
    return here.model_copy(update=update)


def _joined_versions(
    here: Sequence[LockedVersion], there: Sequence[LockedVersion]
) -> tuple[LockedVersion, ...]:
    versions = {one.version: one for one in chain(here, there)}
    return tuple(sorted(versions.values(), key=lambda one: one.created))


def _joined_inputs(here: LockedInput, there: LockedInput) -> LockedInput:
    match here, there:
        case LockedRow(), LockedRow():
            return LockedRow(columns=_joined_columns(here.columns, there.columns))
        case LockedArrays(), LockedArrays():
            pairs = zip(here.arrays, there.arrays, strict=True)
            return LockedArrays(arrays=tuple(_joined_arrays(*pair) for pair in pairs))
        case _:
            return here


def _joined_columns(
    here: Sequence[LockedColumn], there: Sequence[LockedColumn]
) -> tuple[LockedColumn, ...]:
    in_both = {one.number for one in here} & {one.number for one in there}
    optional = {one.number for one in chain(here, there) if one.optional}
    # What one of them lacks, its versions have no such column.
    return tuple(
        one.model_copy(update={"optional": one.number in optional or one.number not in in_both})
        for one in _united(here, there)
    )


def _joined_arrays(here: LockedArray, there: LockedArray) -> LockedArray:
    pairs = zip(here.shape, there.shape, strict=True)
    shape = tuple(one if one == other else -1 for one, other in pairs)
    return here.model_copy(update={"shape": shape, "encoded": here.encoded or there.encoded})


def _joined_heads(here: LockedHead, there: LockedHead) -> LockedHead:
    update = {
        "classes": _united(here.classes, there.classes),
        "targets": _united(here.targets, there.targets),
        "pixels": max(here.pixels, there.pixels, key=len),
    }
    return here.model_copy(update=update)


def _united(here: Sequence[_Numbered], there: Sequence[_Numbered]) -> tuple[_Numbered, ...]:
    numbers = {one.number: one for one in chain(there, here)}
    return tuple(numbers[number] for number in sorted(numbers))
