"""Calls of endpoints on an event loop; see `AsyncClient`."""

from collections.abc import AsyncGenerator
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from learnwire.v1 import endpoint_service_pb2 as pb

from .base import BaseClient, Timeout
from .descriptions import decode_endpoint, decode_endpoint_statistics
from .endpoint import Endpoint, EndpointStatistics
from .payloads import Argument, Arguments, decode_payload, filled
from .status import async_call_errors

if TYPE_CHECKING:
    from learnwire.v1.endpoint_service_pb2_grpc import EndpointServiceAsyncStub


class AsyncEndpointCalls(BaseClient):
    """What an asynchronous client has for the endpoints of services."""

    @property
    def _endpoints(self) -> "EndpointServiceAsyncStub":
        raise NotImplementedError

    async def call(
        self,
        endpoint: str,
        value: "Argument | EllipsisType" = ...,
        /,
        *,
        inputs: "Arguments | None" = None,
        timeout: Timeout = ...,
    ) -> Any:
        """Call an endpoint of a service; see `Client.call`.

        Usage: `await client.call("classify_text", "I really liked that movie!")`
        """
        request = filled(pb.CallRequest(endpoint=endpoint), value, inputs)
        with async_call_errors(self._target):
            response = await self._endpoints.Call(request, timeout=self._seconds(timeout))
            return decode_payload(response.output, self._classes_of)

    def stream(
        self,
        endpoint: str,
        value: "Argument | EllipsisType" = ...,
        /,
        *,
        inputs: "Arguments | None" = None,
        timeout: Timeout = ...,
    ) -> AsyncGenerator[Any, None]:
        """Call a streaming endpoint, and give its answers as they come; see `Client.stream`.

        Usage: `async for answer in client.stream("explain", "What a film!"): ...`
        """
        request = filled(pb.CallStreamRequest(endpoint=endpoint), value, inputs)
        return self._answers(request, self._seconds(timeout))

    async def endpoints(self, *, timeout: Timeout = ...) -> list[Endpoint]:
        """List the endpoints of all services by name; see `Client.endpoints`."""
        with async_call_errors(self._target):
            response = await self._endpoints.ListEndpoints(
                pb.ListEndpointsRequest(), timeout=self._seconds(timeout)
            )
        return list(map(decode_endpoint, response.endpoints))

    async def endpoint_statistics(
        self, endpoint: str, *, timeout: Timeout = ...
    ) -> EndpointStatistics:
        """Tell how the calls of an endpoint have been; see `Client.endpoint_statistics`."""
        request = pb.GetEndpointStatisticsRequest(endpoint=endpoint)
        with async_call_errors(self._target):
            seconds = self._seconds(timeout)
            response = await self._endpoints.GetEndpointStatistics(request, timeout=seconds)
        return decode_endpoint_statistics(response.statistics)

    async def _answers(
        self, request: pb.CallStreamRequest, seconds: float | None
    ) -> AsyncGenerator[Any, None]:
        call = self._endpoints.CallStream(request, timeout=seconds)
        try:
            with async_call_errors(self._target):
                async for response in call:
                    yield decode_payload(response.output, self._classes_of)
        finally:
            call.cancel()
