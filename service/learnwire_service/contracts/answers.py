"""The messages that a contract answers with."""

from collections.abc import Mapping
from dataclasses import replace

from ..signature.specs import (
    HeadSpec,
    MaskOutput,
    MultiLabelOutput,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    Signature,
    SingleLabelOutput,
)
from . import comments
from .building import FileBuilder, MessageBuilder
from .contract import Head, field_of
from .lock import LockedHead, Major
from .locked_output import heads_of
from .names import snake

_FLOATS, _INTEGERS = "learnwire.v1.FloatArray", "learnwire.v1.IntArray"
_WARNINGS, _MODEL_VERSION = 14, 15
# Several outputs may be many.
_FIRST_OUTPUT = 16


def add_response(builder: FileBuilder, major: Major, signature: Signature) -> tuple[Head, ...]:
    """Add PredictResponse and the types that it is made of; give the outputs."""
    pairs = list(zip(major.heads, heads_of(signature.output), strict=True))
    response = builder.message("PredictResponse", comments.RESPONSE)
    if isinstance(signature.output, SeveralOutput):
        heads = [
            _add_output(builder, response, i, locked, spec)
            for i, (locked, spec) in enumerate(pairs, 1)
        ]
    else:
        heads = [_add_head(builder, response, "", *pairs[0])]
    response.add_repeated("string", "warnings", _WARNINGS, comments.WARNINGS)
    response.add("string", "model_version", _MODEL_VERSION, comments.MODEL_VERSION)
    return tuple(heads)


def _add_output(
    builder: FileBuilder, response: MessageBuilder, i: int, locked: LockedHead, spec: HeadSpec
) -> Head:
    """Add the i-th of several outputs as a message of its own."""
    name, field = f"Output{i}", f"output_{i}"
    comment = f"Output {i} of the model."
    head = _add_head(builder, builder.message(name, comment), name, locked, spec)
    response.add(name, field, _FIRST_OUTPUT - 1 + i, comment)
    return replace(head, output=field)


def _add_head(
    builder: FileBuilder, message: MessageBuilder, prefix: str, locked: LockedHead, spec: HeadSpec
) -> Head:
    """Add the fields of an output to a message; `prefix` begins the names of its types."""
    match spec:
        case SingleLabelOutput(private=True):
            message.add("string", "label", 2, comments.LABEL)
            message.add("int32", "index", 3, comments.INDEX)
            message.add_repeated("float", "probabilities", 4, comments.PRIVATE_PROBABILITIES)
        case SingleLabelOutput(classes=classes):
            category, numbers = _add_enum(builder, prefix, locked)
            message.add(category, "category", 1, comments.CATEGORY)
            message.add("string", "label", 2, comments.LABEL)
            message.add("int32", "index", 3, comments.INDEX)
            message.add_repeated("float", "probabilities", 4, comments.probabilities(classes))
            return Head(spec, categories=numbers)
        case MultiLabelOutput(classes=classes):
            category, numbers = _add_enum(builder, prefix, locked)
            message.add_repeated(category, "categories", 1, comments.categories(spec))
            message.add_repeated("string", "labels", 2, comments.LABELS)
            message.add_repeated("bool", "mask", 3, comments.MASK)
            message.add_repeated("float", "probabilities", 4, comments.own_probabilities(classes))
            return Head(spec, categories=numbers)
        case RegressionOutput(targets=targets):
            values = builder.message(f"{prefix}Values", comments.VALUES)
            message.add(f"{prefix}Values", "values", 1, comments.VALUES)
            fields = {one.original: one for one in locked.targets}
            for one in locked.targets:
                if one.original in targets:
                    values.add_named("float", one, comments.target(one.original))
            return Head(spec, targets=tuple(field_of(fields[name]) for name in targets))
        case MaskOutput(classes=classes):
            message.add(_INTEGERS, "mask", 1, comments.pixels(classes))
            message.add(_FLOATS, "probabilities", 2, comments.PIXEL_PROBABILITIES)
        case PointsOutput(count=count):
            message.add(_FLOATS, "points", 1, comments.points(count))
            message.add(_FLOATS, "decoded", 2, comments.DECODED)
            message.add(_FLOATS, "raw", 3, comments.RAW)
    return Head(spec)


def _add_enum(
    builder: FileBuilder, prefix: str, locked: LockedHead
) -> tuple[str, Mapping[str, int]]:
    """Add the enum of the classes; give its name, and the number of each class."""
    name = f"{prefix}Category"
    enum = builder.enum(name, comments.ENUM)
    start = snake(name).upper()
    enum.add(f"{start}_UNSPECIFIED", 0, comments.UNSPECIFIED)
    for one in locked.classes:
        enum.add(f"{start}_{one.name}", one.number, comments.category(one.original), one.original)
    return name, {one.original: one.number for one in locked.classes}
