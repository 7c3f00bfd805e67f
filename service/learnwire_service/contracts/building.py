"""Puts the file of a contract together, comments included.

Types are named `string` and the like, `Category` for one of this file, or in full.
"""

from collections.abc import Sequence

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileOptions,
    ServiceDescriptorProto,
)
from learnwire.v1 import options_pb2

from .lock import LockedField
from .names import camel

_Path = tuple[int, ...]

_OPTIONS_FILE = "learnwire/v1/options.proto"
_FILES = {
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    "google.rpc.Status": "google/rpc/status.proto",
}
_ARRAYS_FILE = "learnwire/v1/arrays.proto"
_SCALARS = {
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "float": FieldDescriptorProto.TYPE_FLOAT,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "string": FieldDescriptorProto.TYPE_STRING,
}


class FileBuilder:
    """A file in the making."""

    def __init__(self, name: str, package: str, options: FileOptions, comment: str) -> None:
        self.file = FileDescriptorProto(
            name=name, package=package, options=options, syntax="proto3"
        )
        self._files = {_OPTIONS_FILE}
        self._enums: set[str] = set()
        head = (FileDescriptorProto.SYNTAX_FIELD_NUMBER,)
        self.file.source_code_info.location.add(
            path=head, span=_NOWHERE, leading_detached_comments=[_as_comment(comment)]
        )

    def message(self, name: str, comment: str) -> "MessageBuilder":
        """Begin a message."""
        path = (FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER, len(self.file.message_type))
        self.comment(path, comment)
        return MessageBuilder(self, path, self.file.message_type.add(name=name))

    def enum(self, name: str, comment: str) -> "EnumBuilder":
        """Begin an enum."""
        path = (FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER, len(self.file.enum_type))
        self.comment(path, comment)
        self._enums.add(name)
        return EnumBuilder(self, path, self.file.enum_type.add(name=name))

    def service(self, name: str, model: str, comment: str) -> "ServiceBuilder":
        """Begin the service."""
        path = (FileDescriptorProto.SERVICE_FIELD_NUMBER, len(self.file.service))
        self.comment(path, comment)
        proto = self.file.service.add(name=name)
        proto.options.Extensions[options_pb2.original_model] = model
        return ServiceBuilder(self, path, proto)

    def comment(self, path: _Path, text: str) -> None:
        """Say something about the part of the file at a path."""
        self.file.source_code_info.location.add(
            path=path, span=_NOWHERE, leading_comments=_as_comment(text)
        )

    def type(self, proto: FieldDescriptorProto, name: str) -> None:
        """Set a field's type, and import what it needs."""
        if name in _SCALARS:
            proto.type = _SCALARS[name]
            return
        is_enum = name in self._enums
        proto.type = (
            FieldDescriptorProto.TYPE_ENUM if is_enum else FieldDescriptorProto.TYPE_MESSAGE
        )
        proto.type_name = self.full_name(name)
        if "." in name:
            self._files.add(_FILES.get(name, _ARRAYS_FILE))

    def full_name(self, name: str) -> str:
        """Give a type's name as descriptors have it."""
        return f".{name}" if "." in name else f".{self.file.package}.{name}"

    def done(self) -> FileDescriptorProto:
        """Give the finished file."""
        self.file.dependency.extend(sorted(self._files))
        return self.file


class MessageBuilder:
    """A message in the making."""

    def __init__(self, builder: FileBuilder, path: _Path, proto: DescriptorProto) -> None:
        self._builder, self._path, self._proto = builder, path, proto

    def add(self, type_name: str, name: str, number: int, comment: str) -> FieldDescriptorProto:
        """Add a field."""
        path = DescriptorProto.FIELD_FIELD_NUMBER, len(self._proto.field)
        self._builder.comment(self._path + path, comment)
        proto = self._proto.field.add(
            name=name,
            number=number,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
            json_name=camel(name),
        )
        self._builder.type(proto, type_name)
        return proto

    def add_repeated(self, type_name: str, name: str, number: int, comment: str) -> None:
        """Add a field that holds any number of values."""
        proto = self.add(type_name, name, number, comment)
        proto.label = FieldDescriptorProto.LABEL_REPEATED

    def add_named(self, type_name: str, locked: LockedField, comment: str) -> FieldDescriptorProto:
        """Add a field for something of the model."""
        proto = self.add(type_name, locked.name, locked.number, comment)
        proto.json_name = locked.json_name
        if locked.original != locked.name:
            proto.options.Extensions[options_pb2.original_name] = locked.original
        return proto

    def add_optional(self, type_name: str, locked: LockedField, comment: str) -> None:
        """Add a field for something of the model, which tells whether it is set."""
        self.tell_presence(self.add_named(type_name, locked, comment))

    def tell_presence(self, proto: FieldDescriptorProto) -> None:
        """Let a field tell whether it is set."""
        if proto.type != FieldDescriptorProto.TYPE_MESSAGE:
            proto.proto3_optional = True
            proto.oneof_index = len(self._proto.oneof_decl)
            self._proto.oneof_decl.add(name=f"_{proto.name}")

    def add_result(self, number: int) -> None:
        """Add what became of an item, under this number and the next."""
        self._proto.oneof_decl.add(name="result")
        path = DescriptorProto.ONEOF_DECL_FIELD_NUMBER, 0
        self._builder.comment(self._path + path, "The answer, or why there is none.")
        for type_name, name, comment in _RESULTS:
            self.add(type_name, name, number, comment).oneof_index = 0
            number += 1

    def reserve(self, fields: Sequence[LockedField], comment: str) -> None:
        """Keep the numbers and names of fields from being given again."""
        if not fields:
            return
        path = (DescriptorProto.RESERVED_RANGE_FIELD_NUMBER,)
        self._builder.comment(self._path + path, comment)
        for field in fields:
            self._proto.reserved_range.add(start=field.number, end=field.number + 1)
            self._proto.reserved_name.append(field.name)


class EnumBuilder:
    """An enum in the making."""

    def __init__(self, builder: FileBuilder, path: _Path, proto: EnumDescriptorProto) -> None:
        self._builder, self._path, self._proto = builder, path, proto

    def add(self, name: str, number: int, comment: str, original: str | None = None) -> None:
        """Add a value, and the class that it is."""
        path = EnumDescriptorProto.VALUE_FIELD_NUMBER, len(self._proto.value)
        self._builder.comment(self._path + path, comment)
        proto = self._proto.value.add(name=name, number=number)
        if original is not None:
            proto.options.Extensions[options_pb2.original_class] = original


class ServiceBuilder:
    """A service in the making."""

    def __init__(self, builder: FileBuilder, path: _Path, proto: ServiceDescriptorProto) -> None:
        self._builder, self._path, self._proto = builder, path, proto

    def add(self, name: str, comment: str, *, streams_in: bool, streams_out: bool) -> None:
        """Add a method, whose messages are named after it."""
        path = ServiceDescriptorProto.METHOD_FIELD_NUMBER, len(self._proto.method)
        self._builder.comment(self._path + path, comment)
        self._proto.method.add(
            name=name,
            input_type=self._builder.full_name(f"{name}Request"),
            output_type=self._builder.full_name(f"{name}Response"),
            client_streaming=streams_in or None,
            server_streaming=streams_out or None,
        )


_RESULTS = (
    ("PredictResponse", "response", "The answer."),
    ("google.rpc.Status", "status", "What a lone Predict of the item would have ended with."),
)
# Nobody knows the place in a text yet, and readers refuse a comment without one.
_NOWHERE = (0, 0, 0)


def _as_comment(text: str) -> str:
    return "".join(f" {line}\n" if line else "\n" for line in text.split("\n"))
