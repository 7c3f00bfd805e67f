"""Server reflection that reads what is served when it is asked.

The stock servicer knows the services there were when it was made; so one is made for each question.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2 import (
    DESCRIPTOR,
    ServerReflectionRequest,
    ServerReflectionResponse,
)

from .pools import Described, Pools, pool_of

# What the service, and its file, are called by those who ask for its later version.
_V1ALPHA, _V1 = "v1alpha", "v1"
_NAMES = (reflection.SERVICE_NAME, reflection.SERVICE_NAME.replace(_V1ALPHA, _V1))

# What is served beside the fixed services, by the services' full names.
Live = Callable[[], dict[str, Described]]


def add_reflection(
    server: grpc.aio.Server, names: Sequence[str], described: Sequence[Described], live: Live
) -> None:
    """Add reflection, in both its versions, to a server.

    Args:
        server: the server.
        names: the full names of its fixed services.
        described: the files of those that are not in the process's pool.
        live: gives the others; it is asked at each question.
    """
    handler = grpc.stream_stream_rpc_method_handler(
        _Reflection([*names, *_NAMES], described, live).answer,
        ServerReflectionRequest.FromString,
        ServerReflectionResponse.SerializeToString,
    )
    for name in _NAMES:
        server.add_registered_method_handlers(name, {"ServerReflectionInfo": handler})


class _Reflection:
    def __init__(self, names: Sequence[str], described: Sequence[Described], live: Live) -> None:
        self._names, self._described = names, described
        self._live = live
        self._fixed = [descriptor_pool.Default(), pool_of(_later_file())]

    async def answer(
        self, requests: AsyncIterator[ServerReflectionRequest], context: Any
    ) -> AsyncIterator[ServerReflectionResponse]:
        async for request in requests:
            live = self._live()
            stock: Any = reflection.aio.ReflectionServicer(
                [*self._names, *live], Pools([*self._described, *live.values()], self._fixed)
            )
            async for response in stock.ServerReflectionInfo(_one(request), context):
                yield response


async def _one(request: ServerReflectionRequest) -> AsyncIterator[ServerReflectionRequest]:
    yield request


def _later_file() -> FileDescriptorProto:
    """Give the file of v1, which differs from v1alpha's in nothing but its name."""
    earlier = FileDescriptorProto()
    DESCRIPTOR.CopyToProto(earlier)
    text = json_format.MessageToJson(earlier).replace(_V1ALPHA, _V1)
    return json_format.Parse(text, FileDescriptorProto())
