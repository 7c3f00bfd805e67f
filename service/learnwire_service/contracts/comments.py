"""What a contract says of its parts, in words."""

import json
from collections.abc import Sequence

from ..signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    Column,
    InputSpec,
    MultiLabelOutput,
    TabularInput,
    TextInput,
)

_WIDTH = 90
_SHOWN = 10
_LONGEST = 100

PREDICT = "Predicts one item."
PREDICT_MANY = (
    "Predicts many items and streams the answers back in input order, some at a time.\n"
    "A bad item fails alone."
)
PREDICT_STREAM = (
    "Predicts item after item on one stream, each answered as soon as it is ready and so\n"
    "perhaps out of order. A failed item is answered with its status and never ends the\n"
    "stream."
)
TEXT = "The text, any Unicode, also empty."
RESPONSE = "The answer to one item: what `learner.predict` would have said."
CATEGORY = "The predicted class."
LABEL = "The predicted class, as the model names it."
INDEX = "Its index in the classes of the version that answered, from 0."
PRIVATE_PROBABILITIES = (
    "One for each class, in the order of their indices; they add up to 1. What the classes are\n"
    "called is private."
)
LABELS = "The same, as the model names them."
MASK = "For each class whether it was predicted, in the order of the probabilities."
VALUES = "The numbers that the model answers."
PIXEL_PROBABILITIES = "The probability of each class at each pixel, of shape [C, H, W]."
DECODED = "The points as the network has them, decoded."
RAW = "The points as the network has them."
ID = (
    "The caller's name for the item, any string, repeated in its answer. An id that is still\n"
    "in flight on this stream is that item's INVALID_ARGUMENT."
)
WARNINGS = (
    "What the model did with the input that its sender may not expect, one sentence\n"
    "each, such as a category unknown at training."
)
MODEL_VERSION = "The version of the model that answered, whole."
ENUM = "The classes. A number belongs to its class for ever, and is not its index."
UNSPECIFIED = "Not a class; never answered."


def file(model: str, major: int) -> str:
    """Say whose contract the file is."""
    return (
        f"The contract of the model {quoted(model)}, version {major} of it, made by Learnwire.\n"
        "Do not edit: numbers and names are kept beside the model's versions."
    )


def service(model: str) -> str:
    """Say how the service is called."""
    return (
        f"Predicts with the model {quoted(model)}.\n\n"
        "The newest version that speaks this contract answers, unless the metadata\n"
        "`learnwire-version` names another one, or a unique prefix of its name.\n\n"
        "Errors carry google.rpc.ErrorInfo (domain `learnwire`, a reason in capitals) and,\n"
        "for bad input, google.rpc.BadRequest with the path of the field:\n"
        "  INVALID_ARGUMENT    the item does not fit the model (BadRequest)\n"
        "  NOT_FOUND           no such version is served here\n"
        "  UNIMPLEMENTED       none that speaks this contract is\n"
        "  RESOURCE_EXHAUSTED  too many items wait already (RetryInfo), or a message\n"
        "                      above the server's size limit\n"
        "  UNAVAILABLE         the model is loading, or the server draining (RetryInfo)\n"
        "  DEADLINE_EXCEEDED   the caller's deadline passed\n"
        "  INTERNAL            the model failed on the item; the cause is in the\n"
        "                      server's log and never on the wire"
    )


def request(spec: InputSpec) -> str:
    """Say what an item is."""
    match spec:
        case TabularInput():
            return _row(spec)
        case TextInput():
            return "One text."
        case ArrayInput():
            return "One array."
        case ArraysInput():
            return "The arrays of one item. All of them are required."


def _row(spec: TabularInput) -> str:
    if not any(one.nullable for one in spec.columns):
        return "One row. All its fields are required."
    return wrapped(
        "One row. A field that may be unset is null then, and named in the warnings; a row "
        "without any field is refused."
    )


def column(spec: Column) -> str:
    """Say what a cell may hold."""
    facts = [f"The column {quoted(spec.name)}: {_TYPES[spec.type]}"]
    facts.append("may be unset, which is null" if spec.nullable else "required")
    text = ", ".join(facts) + "."
    if spec.private:
        text += " What training had there is private."
    if spec.categories:
        text += f" One of {listed(spec.categories)}."
    if spec.typical_range is not None:
        low, high = spec.typical_range
        text += f" Typically {low:.6g} to {high:.6g}."
    return wrapped(text)


_TYPES = {
    CellType.STRING: "a string",
    CellType.INTEGER: "an integer within 2^53",
    CellType.FLOAT: "a number",
    CellType.BOOL: "a bool",
    CellType.TIMESTAMP: "a time in UTC",
}


def retired(names: Sequence[str]) -> str:
    """Say what fields there are no more."""
    noun = "column" if len(names) == 1 else "columns"
    return wrapped(f"Retired, and ignored when sent: the {noun} {listed(names)}.")


def array(spec: ArrayInput) -> str:
    """Say what an array is like."""
    axes = f" ({', '.join(spec.axes)})" if spec.axes else ""
    text = f"An array of {spec.dtype} and of the shape {list(spec.shape)}{axes}"
    text += "; -1 is any size." if -1 in spec.shape else "."
    if spec.typical_shape is not None and spec.typical_shape != spec.shape:
        text += f" Typically {list(spec.typical_shape)}."
    if spec.encoded:
        text += " Or an encoded image (PNG, JPEG, ...): the bytes of its file, without a shape."
    return wrapped(text)


def probabilities(classes: Sequence[str]) -> str:
    """Say whose the probabilities are, which add up."""
    return wrapped(f"One for each class, in the order {listed(classes)}; they add up to 1.")


def own_probabilities(classes: Sequence[str]) -> str:
    """Say whose the probabilities are, which need not add up."""
    return wrapped(f"One for each class on its own, in the order {listed(classes)}.")


def categories(spec: MultiLabelOutput) -> str:
    """Say which classes are predicted."""
    return wrapped(f"The predicted classes: those with a probability above {spec.threshold:g}.")


def category(label: str) -> str:
    """Say which class a value is."""
    return wrapped(f"The class {quoted(label)}.")


def target(name: str) -> str:
    """Say which number a field is."""
    return wrapped(f"The target {quoted(name)}.")


def pixels(classes: Sequence[str]) -> str:
    """Say what the numbers of a mask are."""
    return wrapped(
        f"The class index of each pixel, of shape [H, W]; the classes are {listed(classes)}."
    )


def points(count: int) -> str:
    """Say what the points are."""
    return wrapped(
        f"The points, of shape [{count}, 2]: x and y in pixels of the image as the model "
        "resized it."
    )


def listed(cells: Sequence[str | bool | int | float]) -> str:
    """List the first of some."""
    more = f" and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else ""
    return ", ".join(map(quoted, cells[:_SHOWN])) + more


def quoted(cell: str | bool | int | float) -> str:
    """Write a name or a category in one line, whatever is in it."""
    if isinstance(cell, str) and len(cell) > _LONGEST:
        cell = f"{cell[:_LONGEST]}..."
    return json.dumps(cell, ensure_ascii=False)


def wrapped(text: str) -> str:
    """Break a text into lines at its spaces."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= _WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    # Where several spaces meet the end of a line, `buf format` would take them.
    return "\n".join(line.rstrip() for line in lines)
