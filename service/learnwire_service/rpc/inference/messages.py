"""The protocol's messages, in a descriptor pool of their own.

Clients of the protocol bring files with the same names, which the process's pool takes only once:
`learnwire.inference.v2_pb2` would keep tritonclient out of a process that serves, and be kept out.
"""

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from ..pools import Described, pool_of

if TYPE_CHECKING:
    from learnwire.inference import v2_pb2 as pb
else:
    # What stands in its place: the same classes, of the pool below.
    class pb:  # noqa: N801
        """The messages by their names."""


__all__ = ["INFERENCE", "SERVICE", "handler_types", "pb"]

_SET = files("learnwire.inference").joinpath("v2.binpb").read_bytes()
[_file] = FileDescriptorSet.FromString(_SET).file

# The file with its comments, and its descriptors.
INFERENCE = Described(_file, pool_of(_file))
SERVICE = INFERENCE.pool.FindServiceByName("inference.GRPCInferenceService")

if not TYPE_CHECKING:
    for _name, _message in SERVICE.file.message_types_by_name.items():
        setattr(pb, _name, message_factory.GetMessageClass(_message))


def handler_types(method: str) -> tuple[Any, Any]:
    """Give the classes of a method's requests and responses."""
    found = SERVICE.methods_by_name[method]
    return (
        message_factory.GetMessageClass(found.input_type),
        message_factory.GetMessageClass(found.output_type),
    )
