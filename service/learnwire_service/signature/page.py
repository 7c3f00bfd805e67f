"""What a model takes and answers, as a page for people."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from learnwire_client.page import Table

from .specs import (
    ArrayInput,
    ArraysInput,
    Column,
    HeadSpec,
    InputSpec,
    MaskOutput,
    MultiLabelOutput,
    OutputSpec,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    Signature,
    SingleLabelOutput,
    TabularInput,
    TextInput,
)

_SHOWN = 8


def signature_page(signature: Signature) -> Iterator[str | Table]:
    """What a model takes and what it answers."""
    signature = signature.public
    yield f"takes {_input(signature.input)}"
    if isinstance(signature.input, TabularInput):
        yield _columns(signature.input)
    yield f"answers {_output(signature.output)}"


def kind_of(spec: InputSpec) -> str:
    """Say in a word what a model takes."""
    return "image" if isinstance(spec, ArrayInput) and spec.encoded else spec.kind


def in_line(value: Any) -> str:
    """Write a value in a line: JSON, but a string as it is where a terminal may have it."""
    if isinstance(value, str) and value.isprintable():
        return value
    return json.dumps(value)


def _input(spec: InputSpec) -> str:
    match spec:
        case TextInput():
            return "a text"
        case ArrayInput(encoded=True):
            return f"an image, encoded or as an array: {_array(spec)}"
        case ArrayInput():
            return f"an array: {_array(spec)}"
        case ArraysInput():
            return f"{len(spec.arrays)} arrays: {', '.join(map(_array, spec.arrays))}"
        case TabularInput():
            return "a row"


def _columns(spec: TabularInput) -> Table:
    rows = [("column", "type", "null", "categories or typical range", "example")]
    for column in spec.columns:
        null = "yes" if column.nullable else "no"
        example = "" if column.private else in_line(str(column.example))
        rows.append((in_line(column.name), column.type, null, _values(column), example))
    return Table(rows)


def _array(spec: ArrayInput) -> str:
    sizes = " x ".join(
        f"{axis} {size}" if size > 0 else axis
        for axis, size in zip(spec.axes, spec.shape, strict=True)
    )
    typical = f", typically {list(spec.typical_shape)}" if spec.typical_shape else ""
    return f"{spec.dtype}, {sizes}{typical}"


def _values(column: Column) -> str:
    if column.private:
        return "private"
    if column.categories is not None:
        return _listed(column.categories)
    if column.typical_range is not None:
        low, high = column.typical_range
        return f"{low:g} to {high:g}"
    return ""


def _output(spec: OutputSpec | HeadSpec) -> str:
    match spec:
        case SingleLabelOutput(classes=classes, private=True):
            return f"one of {len(classes)} classes, which are private"
        case SingleLabelOutput(classes=classes):
            return f"one of {_listed(classes)}"
        case MultiLabelOutput(classes=classes, threshold=threshold):
            return f"any of {_listed(classes)} (above {threshold:g})"
        case RegressionOutput(targets=targets):
            return f"numbers: {_listed(targets)}"
        case MaskOutput(classes=classes):
            return f"a mask of {_listed(classes) or 'class indices'}"
        case PointsOutput(count=count):
            return f"{count} points in pixels"
        case SeveralOutput(heads=heads):
            return "; ".join(map(_output, heads))


def _listed(values: Sequence[object]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(in_line(str(value)) for value in values[:_SHOWN]) + more
