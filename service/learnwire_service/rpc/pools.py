"""Descriptor pools: the process has one, and each contract one of its own.

Two versions of a model may speak contracts with the same names, and a pool takes a name only once.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple, TypeVar

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import status_pb2
from learnwire.v1 import arrays_pb2, options_pb2

_Found = TypeVar("_Found")

# What a contract may import.
_IMPORTED: dict[str, FileDescriptor] = {
    module.DESCRIPTOR.name: module.DESCRIPTOR
    for module in (arrays_pb2, options_pb2, status_pb2, timestamp_pb2)
}


class Described(NamedTuple):
    """A file, which has comments, and the pool of its descriptors, which have none."""

    file: FileDescriptorProto
    pool: DescriptorPool


def pool_of(file: FileDescriptorProto) -> DescriptorPool:
    """Make the pool of a contract's file, with all that it imports."""
    pool = DescriptorPool()
    for name in file.dependency:
        _add(pool, _IMPORTED[name])
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add(pool: DescriptorPool, file: FileDescriptor) -> None:
    for imported in file.dependencies:
        _add(pool, imported)
    pool.AddSerializedFile(file.serialized_pb)


class Pools:
    """Several pools seen as one, with the methods of a pool that reflection asks.

    Where several know a name, the first of them answers.

    Args:
        described: files that are to be given with their comments.
        others: the pools of all others.
    """

    def __init__(self, described: Collection[Described], others: Iterable[DescriptorPool]) -> None:
        self._files = {one.file.name: one.file for one in described}
        self._pools = [*(one.pool for one in described), *others]

    def FindFileByName(self, file_name: str) -> "_Told":
        """Find a file; KeyError where no pool has it, as everywhere here."""
        return self._told(self._first(lambda pool: pool.FindFileByName(file_name)))

    def FindFileContainingSymbol(self, symbol: str) -> "_Told":
        """Find the file of a message, service, method, ..."""
        try:
            found = self._first(lambda pool: pool.FindFileContainingSymbol(symbol))
        except KeyError:
            # A pool does not take methods for symbols.
            found = self._first(lambda pool: pool.FindMethodByName(symbol)).containing_service.file
        return self._told(found)

    def FindMessageTypeByName(self, full_name: str) -> Descriptor:
        """Find a message."""
        return self._first(lambda pool: pool.FindMessageTypeByName(full_name))

    def FindExtensionByNumber(self, message: Descriptor, number: int) -> FieldDescriptor:
        """Find an extension of a message, in the pool that the message was found in."""
        return message.file.pool.FindExtensionByNumber(message, number)

    def FindAllExtensions(self, message: Descriptor) -> list[FieldDescriptor]:
        """Find all extensions of a message, in the pool that the message was found in."""
        return message.file.pool.FindAllExtensions(message)

    def _told(self, found: FileDescriptor) -> "_Told":
        return _Told(found, self._files.get(found.name))

    def _first(self, find: Callable[[DescriptorPool], _Found]) -> _Found:
        for pool in self._pools:
            try:
                return find(pool)
            except KeyError:
                continue
        raise KeyError


class _Told:
    """Stands for a descriptor where reflection copies it and what it imports."""

    def __init__(self, descriptor: FileDescriptor, file: FileDescriptorProto | None = None) -> None:
        self.name = descriptor.name
        self._descriptor, self._file = descriptor, file

    @property
    def dependencies(self) -> "list[_Told]":
        return list(map(_Told, self._descriptor.dependencies))

    def CopyToProto(self, proto: FileDescriptorProto) -> None:
        proto.CopyFrom(self._file or _with_json_names(self._descriptor))


def _with_json_names(descriptor: FileDescriptor) -> FileDescriptorProto:
    """Give a file as compilers do, with the JSON name of each field, which Python leaves out."""
    file = FileDescriptorProto()
    descriptor.CopyToProto(file)
    _name_fields(file.message_type, descriptor.message_types_by_name)
    for extension in file.extension:
        extension.json_name = descriptor.extensions_by_name[extension.name].json_name
    return file


def _name_fields(
    messages: Iterable[DescriptorProto], descriptors: Mapping[str, Descriptor]
) -> None:
    for message in messages:
        descriptor = descriptors[message.name]
        for field in message.field:
            field.json_name = descriptor.fields_by_name[field.name].json_name
        _name_fields(message.nested_type, descriptor.nested_types_by_name)
