"""Numbers and names for what comes to a contract, beside those that it has given."""

from collections.abc import Sequence

from .lock import LockedField, LockedValue
from .names import FieldNames, ValueNames, snake

# Protobuf keeps these numbers of fields for itself.
_KEPT = range(19_000, 20_000)


def new_fields(
    locked: Sequence[LockedField], originals: Sequence[str], noun: str
) -> list[LockedField]:
    """Give fields for what has none yet.

    Args:
        locked: the fields that there are.
        originals: what there is to be a field for.
        noun: what that is, a column say.
    """
    known = {one.original for one in locked}
    numbers: dict[str, int] = {}
    number = max((one.number for one in locked), default=0)
    for original in originals:
        if original not in known and original not in numbers:
            number += 1
            numbers[original] = number = _KEPT.stop if number in _KEPT else number
    names = FieldNames((one.name for one in locked), (one.json_name for one in locked))
    # What is an identifier keeps its name, whatever comes with it.
    order = sorted(numbers, key=lambda original: snake(original) != original)
    named = {original: names.add(original, noun, numbers[original]) for original in order}
    return [
        LockedField(
            original=original,
            name=named[original][0],
            json_name=named[original][1],
            number=number,
        )
        for original, number in numbers.items()
    ]


def new_values(locked: Sequence[LockedValue], classes: Sequence[str]) -> list[LockedValue]:
    """Give values for the classes that have none yet."""
    names = ValueNames(one.name for one in locked)
    known = {one.original for one in locked}
    new = [label for label in dict.fromkeys(classes) if label not in known]
    return [
        LockedValue(original=label, name=names.add(label, number), number=number)
        for number, label in enumerate(new, len(locked) + 1)
    ]
