"""A contract: the messages of one model, and what of the model each of their parts means."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from ..signature.specs import HeadSpec
from .lock import LockedField


@dataclass(frozen=True)
class Field:
    """A field of a message.

    Attributes:
        original: what it stands for: a column, a target, an input.
        name: its name in the message.
        number: its number there, for ever.
    """

    original: str
    name: str
    number: int


def field_of(locked: LockedField) -> Field:
    """Give the field that a lock keeps."""
    return Field(locked.original, locked.name, locked.number)


@dataclass(frozen=True)
class Head:
    """One output of the model, as a message holds it.

    The fields are always the same: `category, label, index, probabilities` of one label;
    `categories, labels, mask, probabilities` of several; `values` of numbers; `mask, probabilities`
    of a mask; `points, decoded, raw` of points.

    Attributes:
        spec: what the output is.
        output: the response's field that holds it; empty where the response itself does, since
            it is the only one.
        categories: the number of each class in the enum of this output; empty where it has none.
        targets: the fields of `values`, in the order of the spec; empty where it has none.
    """

    spec: HeadSpec
    output: str = ""
    categories: Mapping[str, int] = field(default_factory=dict)
    targets: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Contract:
    """What the stubs of one model are generated from.

    Attributes:
        model: the model's name.
        major: 1 for package `learnwire.models.<model>.v1`, and so on.
        service: the full name of its service.
        file: all of it; the comments are in its source code info.
        inputs: the request's fields: a column each, an array each, or the text.
        heads: the outputs.
    """

    model: str
    major: int
    service: str
    file: FileDescriptorProto
    inputs: tuple[Field, ...]
    heads: tuple[Head, ...]
