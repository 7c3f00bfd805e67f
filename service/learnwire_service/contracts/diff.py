"""Explains in words what lies between the contracts of two versions, and whom it concerns."""

from collections.abc import Iterator

from ..signature.specs import (
    ArrayInput,
    ArraysInput,
    HeadSpec,
    InputSpec,
    MultiLabelOutput,
    RegressionOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
)
from ..store.manifest import Manifest
from .comments import listed, quoted
from .growth import breaks, grow
from .lock import Lock
from .locked_input import arrays_of
from .locked_output import heads_of


def explain(lock: Lock, before: Manifest, after: Manifest) -> list[str]:
    """Say what becomes of the stubs made for one version with another: a sentence each.

    Usage: `explain(lock, get("penguins:first").manifest, get("penguins:second").manifest)`

    Args:
        lock: the model's, which knows both.
        before: whose stubs there are.
        after: what they are to speak with.
    """
    old, new = lock.major_of(before.version), lock.major_of(after.version)
    reasons = _reasons(before.signature, after.signature)
    if old.number != new.number:
        return [
            f"{before.tag} speaks contract v{old.number}, {after.tag} speaks v{new.number}. "
            f"Stubs of v{old.number} do not reach {after.tag}: generate those of v{new.number}. "
            f"They keep working where {before.tag} is served beside it.",
            *_items(reasons or new.reasons),
        ]
    if reasons:
        return [
            f"Both speak contract v{old.number}, but {after.tag} lacks something that the stubs "
            f"made for {before.tag} know.",
            *_items(reasons),
        ]
    changes = _items(_changes(before.signature, after.signature))
    return [
        f"Both speak contract v{old.number}. Stubs made for {before.tag} keep working with "
        f"{after.tag}" + ("; generated anew, they have what is new." if changes else "."),
        *(changes or ["Nothing of the contract is different."]),
    ]


def _reasons(before: Signature, after: Signature) -> tuple[str, ...]:
    """Tell why stubs of a signature alone could not speak with another."""
    alone = grow(Lock(model="", package=""), "before", "", before)
    return breaks(alone.majors[0], after)


def _items(texts: "Iterator[str] | tuple[str, ...]") -> list[str]:
    return [f"- {text}" for text in texts]


def _changes(before: Signature, after: Signature) -> Iterator[str]:
    """Tell what is different where stubs keep working."""
    before, after = before.public, after.public
    yield from _input_changes(before.input, after.input)
    for old, new in zip(heads_of(before.output), heads_of(after.output), strict=True):
        yield from _head_changes(old, new)


def _input_changes(before: InputSpec, after: InputSpec) -> Iterator[str]:
    match before, after:
        case TabularInput(), TabularInput():
            yield from _column_changes(before, after)
        case ArrayInput() | ArraysInput(), ArrayInput() | ArraysInput():
            for old, new in zip(arrays_of(before), arrays_of(after), strict=True):
                if old.shape != new.shape:
                    yield f"an array of the shape {list(new.shape)} is taken, not {list(old.shape)}"
                if new.encoded and not old.encoded:
                    yield "an encoded image is taken too"


def _column_changes(before: TabularInput, after: TabularInput) -> Iterator[str]:
    old = {column.name: column for column in before.columns}
    new = {column.name: column for column in after.columns}
    for name, column in new.items():
        if name not in old:
            yield f"column {quoted(name)} is new: stubs made before leave it unset, which is null"
        elif column.nullable and not old[name].nullable:
            yield f"column {quoted(name)} may now be left unset"
    for name in old:
        if name not in new:
            yield (
                f"column {quoted(name)} is retired: what stubs made before send there is ignored; "
                "those generated anew lack it"
            )


def _head_changes(before: HeadSpec, after: HeadSpec) -> Iterator[str]:
    match before, after:
        case (
            SingleLabelOutput(classes=old) | MultiLabelOutput(classes=old),
            SingleLabelOutput(classes=new) | MultiLabelOutput(classes=new),
        ) if added := sorted(set(new) - set(old), key=new.index):
            yield (
                f"new among the classes: {listed(added)}; stubs made before see a number that "
                "they do not know in the enum, and the name in the label"
            )
        case RegressionOutput(targets=old), RegressionOutput(targets=new) if added := sorted(
            set(new) - set(old), key=new.index
        ):
            yield f"new among the targets: {listed(added)}; stubs made before do not see them"
