"""Calls of endpoints; see `Client`."""

from collections.abc import Generator
from types import EllipsisType
from typing import Any

from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1.endpoint_service_pb2_grpc import EndpointServiceStub

from .base import BaseClient, Timeout
from .descriptions import decode_endpoint, decode_endpoint_statistics
from .endpoint import Endpoint, EndpointStatistics
from .payloads import Argument, Arguments, decode_payload, filled
from .status import call_errors


class EndpointCalls(BaseClient):
    """What a client has for the endpoints of services."""

    _endpoints: EndpointServiceStub

    def call(
        self,
        endpoint: str,
        value: "Argument | EllipsisType" = ...,
        /,
        *,
        inputs: "Arguments | None" = None,
        timeout: Timeout = ...,
    ) -> Any:
        """Call an endpoint of a service; `endpoints` tells what there is.

        As all calls it may be tried again, see `ChannelOptions.retries`: where it found no
        connection, and where its answer was UNAVAILABLE. Where an endpoint must not run twice,
        ask it with a client of no retries.

        Usage:
            client.call("classify_text", "I really liked that movie!")
            client.call("compare", inputs={"text": "What a film!", "row": row})

        Args:
            endpoint: its name.
            value: the input, where the endpoint has a single one without a name: a str for a
                text, a mapping or pandas Series for a row, a pandas DataFrame or a list of
                rows for a table, a numpy array, tensor or list for an array, a Path, bytes or
                PIL image for an image, an int, float or bool, or a prediction, such as `predict`
                gives.
            inputs: those by name, where the endpoint's have names. Some may be left out: see
                `Endpoint.optional`.
            timeout: seconds for this call.

        Returns:
            What the endpoint answers: a str, a dict of cells for a row, a pandas DataFrame
            for a table, a numpy array, a PIL image, an int, float or bool, or a prediction.

        Raises:
            CallError: there is no answer. An error that the endpoint itself raised has its
                `code`, `message`, `reason` and `metadata`.
            TypeError: an input is of no type that an endpoint takes.
            ImportError: the answer is a table without pandas, or an image without Pillow.
        """
        request = filled(pb.CallRequest(endpoint=endpoint), value, inputs)
        with call_errors(self._target):
            response = self._endpoints.Call(request, self._seconds(timeout))
            return decode_payload(response.output, self._classes_of)

    def stream(
        self,
        endpoint: str,
        value: "Argument | EllipsisType" = ...,
        /,
        *,
        inputs: "Arguments | None" = None,
        timeout: Timeout = ...,
    ) -> Generator[Any, None, None]:
        """Call a streaming endpoint, and give its answers as they come.

        The call begins with the first answer asked for. Closing the generator, or letting go
        of it, cancels the call.

        Usage: `for answer in client.stream("explain", "What a film!"): ...`

        Args:
            endpoint: its name.
            value: as for `call`.
            inputs: as for `call`.
            timeout: seconds for the whole stream, also those that its reader takes.

        Raises:
            CallError: the stream ended with an error, behind the answers before it.
            TypeError: at once, as for `call`.
            ImportError: as for `call`.
        """
        request = filled(pb.CallStreamRequest(endpoint=endpoint), value, inputs)
        return self._answers(request, self._seconds(timeout))

    def endpoints(self, *, timeout: Timeout = ...) -> list[Endpoint]:
        """List the endpoints of all services by name: what each takes, answers, and is for."""
        with call_errors(self._target):
            response = self._endpoints.ListEndpoints(
                pb.ListEndpointsRequest(), self._seconds(timeout)
            )
        return list(map(decode_endpoint, response.endpoints))

    def endpoint_statistics(self, endpoint: str, *, timeout: Timeout = ...) -> EndpointStatistics:
        """Tell how the calls of an endpoint have been since the server started.

        Usage: `client.endpoint_statistics("classify_text").seconds.p99`
        """
        request = pb.GetEndpointStatisticsRequest(endpoint=endpoint)
        with call_errors(self._target):
            response = self._endpoints.GetEndpointStatistics(request, self._seconds(timeout))
        return decode_endpoint_statistics(response.statistics)

    def _answers(
        self, request: pb.CallStreamRequest, seconds: float | None
    ) -> Generator[Any, None, None]:
        call = self._endpoints.CallStream(request, seconds)
        try:
            with call_errors(self._target):
                for response in call:
                    yield decode_payload(response.output, self._classes_of)
        finally:
            call.cancel()
