"""EndpointService: find the endpoint, convert, call, convert."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any

from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import endpoint_service_pb2_grpc

from ..bounds import Bounds
from ..endpoints.directory import Directory
from ..endpoints.live import LiveEndpoint
from ..errors import WrongMethod
from .calls import note
from .payloads import decode_inputs, describe_endpoint, encode_payload
from .reading import apart
from .statistics import endpoint_statistics

# What an endpoint does, and what asks it.
_STREAMS = ("streams", "CallStream", "client.stream")
_ANSWERS_ONCE = ("answers once", "Call", "client.call")


class EndpointServicer(endpoint_service_pb2_grpc.EndpointServiceServicer):
    """Serves the directory's endpoints."""

    def __init__(self, directory: Directory, bounds: Bounds) -> None:
        self._directory = directory
        self._bounds = bounds

    async def ListEndpoints(
        self, request: pb.ListEndpointsRequest, context: Any
    ) -> pb.ListEndpointsResponse:
        """List all endpoints."""
        described = [
            describe_endpoint(live.endpoint, max_text_chars=self._bounds.max_text_chars)
            for live in self._directory.endpoints
        ]
        return pb.ListEndpointsResponse(endpoints=described)

    async def Call(self, request: pb.CallRequest, context: Any) -> pb.CallResponse:
        """Call an endpoint that answers once."""
        live = self._ready(request.endpoint, streams=False)
        with live.admit(context.time_remaining()) as call:
            decode = partial(
                apart, decode_inputs, request, live.endpoint, self._bounds.max_elements
            )
            return pb.CallResponse(output=await call.answer(decode, encode_payload))

    async def CallStream(
        self, request: pb.CallStreamRequest, context: Any
    ) -> AsyncIterator[pb.CallStreamResponse]:
        """Call an endpoint that answers bit by bit."""
        live = self._ready(request.endpoint, streams=True)
        with live.admit(context.time_remaining()) as call:
            decode = partial(
                apart, decode_inputs, request, live.endpoint, self._bounds.max_elements
            )
            async with aclosing(call.stream(decode, encode_payload)) as payloads:
                async for payload in payloads:
                    yield pb.CallStreamResponse(output=payload)

    async def GetEndpointStatistics(
        self, request: pb.GetEndpointStatisticsRequest, context: Any
    ) -> pb.GetEndpointStatisticsResponse:
        """Tell what became of the calls of one endpoint."""
        live = self._directory.find(request.endpoint)
        # The counts of all workers are read from files.
        statistics = await asyncio.to_thread(endpoint_statistics, live)
        return pb.GetEndpointStatisticsResponse(statistics=statistics)

    def _ready(self, name: str, *, streams: bool) -> LiveEndpoint:
        live = self._directory.ready(name)
        note(endpoint=live.endpoint.name)
        if live.endpoint.streams != streams:
            does, method, python = _STREAMS if live.endpoint.streams else _ANSWERS_ONCE
            raise WrongMethod(
                f"the endpoint {name} {does}: ask it with {method}, in Python {python}"
            )
        return live
