"""Asks a server for its health, as probes do."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from learnwire_client.authorization import authorized, token_for
from learnwire_client.channel import ChannelOptions, open_channels
from learnwire_client.status import call_errors

_SECONDS = 5.0
SERVING = "SERVING"


def health_of(name: str, target: str, options: ChannelOptions) -> str:
    """Ask for the health of a model, a service, `liveness`, or "" for the whole server.

    Returns: `SERVING`, `NOT_SERVING`, or `SERVICE_UNKNOWN` for a name that is not served.

    Raises:
        CallError: there is no answer.
        ValueError: a token would travel in plain text.
    """
    token = token_for(target, options)
    (channel,) = open_channels(target, options, 1)
    with channel, call_errors(target):
        stub = health_pb2_grpc.HealthStub(authorized(channel, token))
        request = health_pb2.HealthCheckRequest(service=name)
        try:
            status: int = stub.Check(request, timeout=_SECONDS).status  # type: ignore[attr-defined]
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            status = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    return health_pb2.HealthCheckResponse.ServingStatus.Name(status)
