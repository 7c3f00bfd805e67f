"""EndpointService: find the endpoint, convert, call, convert."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import endpoint_service_pb2_grpc

from ..common.bounds import Bounds
from ..common.errors import WrongMethod
from ..queue.request import LARGE_BYTES
from ..services.descriptors.base import Descriptor
from ..services.descriptors.images import Image
from ..services.descriptors.tabular import Table
from ..services.endpoints.directory import Directory
from ..services.endpoints.endpoint import Endpoint
from ..services.endpoints.live import LiveEndpoint
from .calls import note
from .gate import caller
from .payloads import Request, decode_inputs, describe_endpoint, encode_payload
from .reading import apart, in_thread
from .statistics import endpoint_statistics

# What an endpoint does, and what asks it.
_STREAMS = ("streams", "CallStream", "client.stream")
_ANSWERS_ONCE = ("answers once", "Call", "client.call")
_T = TypeVar("_T")


class EndpointServicer(endpoint_service_pb2_grpc.EndpointServiceServicer):
    """Serves the directory's endpoints."""

    def __init__(self, directory: Directory, bounds: Bounds) -> None:
        self._directory = directory
        self._bounds = bounds

    @property
    def _seen(self) -> Directory:
        """The endpoints that exist for the caller."""
        return self._directory.only(caller().models)

    async def ListEndpoints(
        self, request: pb.ListEndpointsRequest, context: Any
    ) -> pb.ListEndpointsResponse:
        """List all endpoints."""
        described = [
            describe_endpoint(live.endpoint, max_text_chars=self._bounds.max_text_chars)
            for live in self._seen.endpoints
        ]
        return pb.ListEndpointsResponse(endpoints=described)

    async def Call(self, request: pb.CallRequest, context: Any) -> pb.CallResponse:
        """Call an endpoint that answers once."""
        live = self._ready(request.endpoint, streams=False)
        with live.admit(context.time_remaining()) as call:
            decode = partial(self._decode, request, live.endpoint)
            return pb.CallResponse(output=await call.answer(decode, _encode))

    async def CallStream(
        self, request: pb.CallStreamRequest, context: Any
    ) -> AsyncIterator[pb.CallStreamResponse]:
        """Call an endpoint that answers bit by bit."""
        live = self._ready(request.endpoint, streams=True)
        with live.admit(context.time_remaining()) as call:
            decode = partial(self._decode, request, live.endpoint)
            async with aclosing(call.stream(decode, _encode)) as payloads:
                async for payload in payloads:
                    yield pb.CallStreamResponse(output=payload)

    async def GetEndpointStatistics(
        self, request: pb.GetEndpointStatisticsRequest, context: Any
    ) -> pb.GetEndpointStatisticsResponse:
        """Tell what became of the calls of one endpoint."""
        live = self._seen.find(request.endpoint)
        # The counts of all workers are read from files.
        statistics = await asyncio.to_thread(endpoint_statistics, live)
        return pb.GetEndpointStatisticsResponse(statistics=statistics)

    async def _decode(
        self, request: Request, endpoint: Endpoint, use: Callable[[Mapping[str, object]], _T]
    ) -> _T:
        # The bytes do not tell how large an image is.
        takes_images = any(isinstance(one, Image) for one in endpoint.inputs.values())
        road = in_thread if takes_images else apart
        return await road(lambda: use(decode_inputs(request, endpoint, self._bounds)))

    def _ready(self, name: str, *, streams: bool) -> LiveEndpoint:
        live = self._seen.ready(name)
        note(endpoint=live.endpoint.name)
        if live.endpoint.streams != streams:
            does, method, python = _STREAMS if live.endpoint.streams else _ANSWERS_ONCE
            raise WrongMethod(
                f"the endpoint {name} {does}: ask it with {method}, in Python {python}"
            )
        return live


async def _encode(descriptor: Descriptor, value: object) -> pb.Payload:
    size = getattr(value, "nbytes", None)
    is_large = isinstance(size, int) and size >= LARGE_BYTES
    if is_large or isinstance(descriptor, Image | Table):
        return await in_thread(encode_payload, descriptor, value)
    return encode_payload(descriptor, value)
