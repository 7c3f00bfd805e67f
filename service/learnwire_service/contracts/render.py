"""Writes the file of a contract as the text that it would be compiled from."""

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)
from learnwire.v1 import options_pb2

from .names import camel

_Path = tuple[int, ...]

_SCALARS = {
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_FLOAT: "float",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_STRING: "string",
}
_ESCAPES = {'"': '\\"', "\\": "\\\\"} | {chr(i): f"\\{i:03o}" for i in (*range(32), 127)}


def render(file: FileDescriptorProto) -> str:
    """Write a file that `derive` has made, as `buf format` would have it.

    Usage: `render(derive(lock, version, signature).file)`
    """
    return "\n".join(_Text(file).lines()) + "\n"


class _Text:
    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file
        self._comments = {
            tuple(one.path): one.leading_comments or one.leading_detached_comments[0]
            for one in file.source_code_info.location
        }

    def lines(self) -> Iterator[str]:
        file = self._file
        yield from self._comment((file.SYNTAX_FIELD_NUMBER,))
        yield from ("", 'syntax = "proto3";', "", f"package {file.package};", "")
        yield from (f'import "{name}";' for name in file.dependency)
        yield ""
        options = sorted((field.name, value) for field, value in file.options.ListFields())
        yield from (f"option {name} = {_literal(value)};" for name, value in options)
        for i, service in enumerate(file.service):
            path = (file.SERVICE_FIELD_NUMBER, i)
            yield from self._part(path, f"service {service.name}", self._service(service, path))
        for i, message in enumerate(file.message_type):
            path = (file.MESSAGE_TYPE_FIELD_NUMBER, i)
            yield from self._part(path, f"message {message.name}", self._message(message, path))
        for i, enum in enumerate(file.enum_type):
            path = (file.ENUM_TYPE_FIELD_NUMBER, i)
            yield from self._part(path, f"enum {enum.name}", self._enum(enum, path))

    def _part(self, path: _Path, head: str, body: Iterable[str]) -> Iterator[str]:
        yield ""
        yield from self._comment(path)
        yield from _block(head, body)

    def _service(self, service: ServiceDescriptorProto, path: _Path) -> Iterator[str]:
        model = service.options.Extensions[options_pb2.original_model]
        yield f"option (learnwire.v1.original_model) = {_quoted(model)};"
        for i, method in enumerate(service.method):
            yield ""
            yield from self._comment((*path, service.METHOD_FIELD_NUMBER, i))
            yield self._method(method)

    def _method(self, method: MethodDescriptorProto) -> str:
        takes = "stream " * method.client_streaming + self._type_name(method.input_type)
        gives = "stream " * method.server_streaming + self._type_name(method.output_type)
        return f"rpc {method.name}({takes}) returns ({gives});"

    def _message(self, message: DescriptorProto, path: _Path) -> Iterator[str]:
        if message.reserved_range:
            yield from self._comment((*path, message.RESERVED_RANGE_FIELD_NUMBER))
            yield f"reserved {', '.join(str(one.start) for one in message.reserved_range)};"
            yield f"reserved {', '.join(map(_quoted, message.reserved_name))};"
        of_oneof: list[str] = []
        for i, field in enumerate(message.field):
            lines = [
                *self._comment((*path, message.FIELD_FIELD_NUMBER, i)),
                *_with_options(self._declared(field), _field_options(field)),
            ]
            if field.HasField("oneof_index") and not field.proto3_optional:
                of_oneof += lines
            else:
                yield from lines
        if of_oneof:
            yield from self._comment((*path, message.ONEOF_DECL_FIELD_NUMBER, 0))
            yield from _block(f"oneof {message.oneof_decl[0].name}", of_oneof)

    def _declared(self, field: FieldDescriptorProto) -> str:
        type_name = _SCALARS.get(field.type) or self._type_name(field.type_name)
        if field.label == field.LABEL_REPEATED:
            type_name = f"repeated {type_name}"
        elif field.proto3_optional:
            type_name = f"optional {type_name}"
        return f"{type_name} {field.name} = {field.number}"

    def _enum(self, enum: EnumDescriptorProto, path: _Path) -> Iterator[str]:
        for i, value in enumerate(enum.value):
            yield from self._comment((*path, enum.VALUE_FIELD_NUMBER, i))
            options = value.options.Extensions
            original = [
                f"(learnwire.v1.original_class) = {_quoted(options[options_pb2.original_class])}"
            ]
            is_class = value.options.HasExtension(options_pb2.original_class)
            yield from _with_options(f"{value.name} = {value.number}", original if is_class else [])

    def _type_name(self, full: str) -> str:
        """Give a type's name as it is written in its own package, or in another."""
        return full.removeprefix(f".{self._file.package}.").removeprefix(".")

    def _comment(self, path: _Path) -> Iterator[str]:
        lines = self._comments[path].removesuffix("\n").split("\n")
        return (f"//{line}" for line in lines)


def _block(head: str, body: Iterable[str]) -> Iterator[str]:
    lines = [f"  {line}" if line else "" for line in body]
    yield from (f"{head} {{", *lines, "}") if lines else (f"{head} {{}}",)


def _with_options(declared: str, options: list[str]) -> Iterator[str]:
    """Write a field or a value; more than one option has a line each."""
    if len(options) < 2:
        yield declared + "".join(f" [{option}]" for option in options) + ";"
        return
    yield f"{declared} ["
    yield from (f"  {option}," for option in options[:-1])
    yield from (f"  {options[-1]}", "];")


def _field_options(field: FieldDescriptorProto) -> list[str]:
    options = []
    if field.json_name != camel(field.name):
        options.append(f"json_name = {_quoted(field.json_name)}")
    if field.options.HasExtension(options_pb2.original_name):
        original = field.options.Extensions[options_pb2.original_name]
        options.append(f"(learnwire.v1.original_name) = {_quoted(original)}")
    return options


def _literal(value: bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else _quoted(value)


def _quoted(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(char, char) for char in text) + '"'
