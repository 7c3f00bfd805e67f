"""Messages as JSON schemas, of their descriptors and of what is said of them."""

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"
_F = FieldDescriptor
_LONG: Schema = {"type": ["integer", "string"], "format": "int64"}
_SCALARS: dict[int, Schema] = {
    _F.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
    _F.CPPTYPE_FLOAT: {"type": "number", "format": "float"},
    _F.CPPTYPE_INT32: {"type": "integer", "format": "int32"},
    _F.CPPTYPE_UINT32: {"type": "integer", "format": "int64", "minimum": 0},
    # As JSON numbers they lose digits, so answers have them as strings.
    _F.CPPTYPE_INT64: _LONG,
    _F.CPPTYPE_UINT64: _LONG,
    _F.CPPTYPE_BOOL: {"type": "boolean"},
    _F.CPPTYPE_STRING: {"type": "string"},
}
_BYTES: Schema = {"type": "string", "contentEncoding": "base64"}
# What JSON has a way of its own for.
_KNOWN: dict[str, Schema] = {
    "google.protobuf.Any": {"type": "object", "properties": {"@type": {"type": "string"}}},
    "google.protobuf.Duration": {"type": "string"},
    "google.protobuf.ListValue": {"type": "array", "items": {}},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Value": {},
}


class Comments:
    """What a file says of its parts.

    Args:
        file: it, with its comments; None: one without.
    """

    def __init__(self, file: FileDescriptorProto | None) -> None:
        self._by_name = {} if file is None else dict(_comments(file))

    def of(self, name: str) -> str:
        """Give what is said of a part, by its full name; "" where nothing is."""
        return self._by_name.get(name, "")


class Schemas:
    """Gathers the schemas of messages and of what they hold.

    Attributes:
        found: the schemas by their names.
    """

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}

    def of(self, message: Descriptor, said: Comments) -> Schema:
        """Give the schema of a message, which leads to one of those that were found."""
        if (known := _KNOWN.get(message.full_name)) is not None:
            return known
        return self._kept(message.full_name, said, lambda: self._message(message, said))

    def _kept(self, name: str, said: Comments, make: Callable[[], Schema]) -> Schema:
        if name not in self.found:
            schema = self.found[name] = _told(said.of(name), {})
            schema.update(make())
        return {"$ref": f"{REFERENCE}{name}"}

    def _message(self, message: Descriptor, said: Comments) -> Schema:
        fields = {
            field.json_name: _told(said.of(field.full_name), self._field(field, said))
            for field in message.fields
        }
        return {"type": "object", "properties": fields}

    def _field(self, field: FieldDescriptor, said: Comments) -> Schema:
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            value = self._one(message.fields_by_name["value"], said)
            return {"type": "object", "additionalProperties": value}
        one = self._one(field, said)
        return {"type": "array", "items": one} if field.is_repeated else one

    def _one(self, field: FieldDescriptor, said: Comments) -> Schema:
        if field.message_type is not None:
            return self.of(field.message_type, said)
        if (enum := field.enum_type) is not None:
            return self._kept(enum.full_name, said, lambda: _enum(enum))
        return _BYTES if field.type == _F.TYPE_BYTES else _SCALARS[field.cpp_type]


def _enum(enum: EnumDescriptor) -> Schema:
    return {"type": "string", "enum": [value.name for value in enum.values]}


def _told(comment: str, schema: Schema) -> Schema:
    return {"description": comment, **schema} if comment else schema


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    names = dict(_named(file))
    for location in file.source_code_info.location:
        if (name := names.get(tuple(location.path))) and location.leading_comments:
            yield name, _unwrapped(location.leading_comments)


def _named(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    """Give the full names of what a file has, by where it is in it."""
    for number, message in enumerate(file.message_type):
        path = FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER, number
        yield from _named_within(message, path, f"{file.package}.{message.name}")
    for number, service in enumerate(file.service):
        path = FileDescriptorProto.SERVICE_FIELD_NUMBER, number
        name = f"{file.package}.{service.name}"
        yield path, name
        for place, method in enumerate(service.method):
            at = *path, ServiceDescriptorProto.METHOD_FIELD_NUMBER, place
            yield at, f"{name}.{method.name}"


def _named_within(
    message: DescriptorProto, path: tuple[int, ...], name: str
) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, name
    for number, field in enumerate(message.field):
        yield (*path, DescriptorProto.FIELD_FIELD_NUMBER, number), f"{name}.{field.name}"
    for number, nested in enumerate(message.nested_type):
        at = *path, DescriptorProto.NESTED_TYPE_FIELD_NUMBER, number
        yield from _named_within(nested, at, f"{name}.{nested.name}")


def _unwrapped(comment: str) -> str:
    """Join the lines of each paragraph."""
    paragraphs = "\n".join(line.strip() for line in comment.splitlines()).split("\n\n")
    return "\n\n".join(" ".join(one.split()) for one in paragraphs).strip()
