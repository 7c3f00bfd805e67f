"""A version's share of its contract: its own names and numbers, which no later version changes."""

from ..signature.specs import (
    HeadSpec,
    MaskOutput,
    MultiLabelOutput,
    RegressionOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
)
from .lock import Lock, LockedArrays, LockedHead, LockedRow, Major
from .locked_output import heads_of


def share_of(lock: Lock, version: str, signature: Signature) -> list[object]:
    """Give the names and numbers that a lock has for one version, as JSON data.

    What grows with later versions is left out: their columns, classes and targets, what became
    optional, and the sizes of arrays.

    Args:
        lock: the model's, which knows the version.
        version: the version.
        signature: what it takes and answers.
    """
    signature = signature.public
    major = lock.major_of(version)
    pairs = zip(major.heads, heads_of(signature.output), strict=True)
    heads = [_head(head, spec) for head, spec in pairs]
    return [lock.package, major.number, major.several, _input(major, signature), heads]


def _input(major: Major, signature: Signature) -> list[object]:
    match major.input, signature.input:
        case LockedRow(columns=columns), TabularInput() as spec:
            names = {column.name for column in spec.columns}
            return [
                [one.original, one.name, one.json_name, one.number, str(one.type)]
                for one in columns
                if one.original in names
            ]
        case LockedArrays(arrays=arrays), _:
            return [[one.name, one.json_name, one.number, one.message] for one in arrays]
        case _:
            return [major.input.kind]


def _head(head: LockedHead, spec: HeadSpec) -> list[object]:
    match spec:
        case SingleLabelOutput(classes=classes) | MultiLabelOutput(classes=classes):
            known = set(classes)
            values = [one for one in head.classes if one.original in known]
            return [head.kind, *([one.original, one.name, one.number] for one in values)]
        case RegressionOutput(targets=targets):
            known = set(targets)
            fields = [one for one in head.targets if one.original in known]
            return [head.kind, *([one.original, one.name, one.number] for one in fields)]
        case MaskOutput(classes=classes):
            return [head.kind, *head.pixels[: len(classes)]]
        case _:
            return [head.kind, head.points]
