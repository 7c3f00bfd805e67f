"""Descriptor pools: the process has one, and each contract one of its own.

Two versions of a model may speak contracts with the same names, and a pool takes a name only once.
"""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple, TypeVar

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
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

    def FindFileByName(self, file_name: str) -> "FileDescriptor | _Commented":
        """Find a file; KeyError where no pool has it, as everywhere here."""
        return self._commented(self._first(lambda pool: pool.FindFileByName(file_name)))

    def FindFileContainingSymbol(self, symbol: str) -> "FileDescriptor | _Commented":
        """Find the file of a message, service, method, ..."""
        try:
            found = self._first(lambda pool: pool.FindFileContainingSymbol(symbol))
        except KeyError:
            # A pool does not take methods for symbols.
            found = self._first(lambda pool: pool.FindMethodByName(symbol)).containing_service.file
        return self._commented(found)

    def FindMessageTypeByName(self, full_name: str) -> Descriptor:
        """Find a message."""
        return self._first(lambda pool: pool.FindMessageTypeByName(full_name))

    def FindExtensionByNumber(self, message: Descriptor, number: int) -> FieldDescriptor:
        """Find an extension of a message, in the pool that the message was found in."""
        return message.file.pool.FindExtensionByNumber(message, number)

    def FindAllExtensions(self, message: Descriptor) -> list[FieldDescriptor]:
        """Find all extensions of a message, in the pool that the message was found in."""
        return message.file.pool.FindAllExtensions(message)

    def _commented(self, found: FileDescriptor) -> "FileDescriptor | _Commented":
        file = self._files.get(found.name)
        return found if file is None else _Commented(file, found)

    def _first(self, find: Callable[[DescriptorPool], _Found]) -> _Found:
        for pool in self._pools:
            try:
                return find(pool)
            except KeyError:
                continue
        raise KeyError


class _Commented:
    """Stands for a descriptor where reflection copies it."""

    def __init__(self, file: FileDescriptorProto, descriptor: FileDescriptor) -> None:
        self.name = file.name
        self.dependencies = descriptor.dependencies
        self._file = file

    def CopyToProto(self, proto: FileDescriptorProto) -> None:
        proto.CopyFrom(self._file)
