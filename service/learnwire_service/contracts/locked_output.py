"""What a contract answers: when a version fits it, and how it grows by one."""

from collections.abc import Sequence

from ..signature.specs import (
    HeadSpec,
    MaskOutput,
    MultiLabelOutput,
    OutputSpec,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    SingleLabelOutput,
)
from .comments import listed
from .fields import new_fields, new_values
from .lock import LockedField, LockedHead, LockedValue, Major


def heads_of(output: OutputSpec) -> tuple[HeadSpec, ...]:
    """Give the outputs, be they one or several."""
    return output.heads if isinstance(output, SeveralOutput) else (output,)


def locked_heads(output: OutputSpec) -> tuple[LockedHead, ...]:
    """Give what answers what a first version answers."""
    return tuple(_grown(LockedHead(kind=spec.kind), spec) for spec in heads_of(output))


def grown_heads(heads: tuple[LockedHead, ...], output: OutputSpec) -> tuple[LockedHead, ...]:
    """Give what also answers what a version answers that fits it."""
    return tuple(_grown(*pair) for pair in zip(heads, heads_of(output), strict=True))


def output_breaks(major: Major, output: OutputSpec) -> list[str]:
    """Tell in words what of a version's answers stubs do not take; nothing if they take all."""
    specs = heads_of(output)
    if major.several != isinstance(output, SeveralOutput) or len(major.heads) != len(specs):
        return [f"it has {_count(len(specs))}, and had {_count(len(major.heads))}"]
    if not major.several:
        return _breaks(major.heads[0], specs[0])
    return [
        f"output {i}: {why}"
        for i, pair in enumerate(zip(major.heads, specs, strict=True), 1)
        for why in _breaks(*pair)
    ]


def _count(outputs: int) -> str:
    return "one output" if outputs == 1 else f"{outputs} outputs"


def _grown(head: LockedHead, spec: HeadSpec) -> LockedHead:
    match spec:
        case SingleLabelOutput(private=True):
            return head
        case SingleLabelOutput(classes=classes) | MultiLabelOutput(classes=classes):
            return head.model_copy(
                update={"classes": (*head.classes, *new_values(head.classes, classes))}
            )
        case RegressionOutput(targets=targets):
            return head.model_copy(
                update={"targets": (*head.targets, *new_fields(head.targets, targets, "target"))}
            )
        case MaskOutput(classes=classes):
            return head.model_copy(update={"pixels": classes})
        case PointsOutput(count=count):
            return head.model_copy(update={"points": count})


def _breaks(head: LockedHead, spec: HeadSpec) -> list[str]:
    if head.kind != spec.kind:
        return [f"it answers {_WORDS[spec.kind]}, and answered {_WORDS[head.kind]}"]
    match spec:
        case SingleLabelOutput(private=True):
            return ["its classes are private, and were an enum"] if head.classes else []
        case SingleLabelOutput(classes=classes) | MultiLabelOutput(classes=classes):
            return _gone("classes", head.classes, classes)
        case RegressionOutput(targets=targets):
            return _gone("targets", head.targets, targets)
        case MaskOutput(classes=classes):
            same = classes[: len(head.pixels)] == head.pixels
            return [] if same else ["the classes of its mask have other indices"]
        case PointsOutput(count=count):
            same = count == head.points
            return [] if same else [f"it answers {count} points, and answered {head.points}"]


def _gone(
    noun: str, locked: Sequence[LockedValue | LockedField], names: tuple[str, ...]
) -> list[str]:
    there = set(names)
    gone = [one.original for one in locked if one.original not in there]
    return [f"gone from the {noun}: {listed(gone)}"] if gone else []


_WORDS = {
    "single_label": "one label",
    "multi_label": "several labels",
    "regression": "numbers",
    "mask": "a mask",
    "points": "points",
}
