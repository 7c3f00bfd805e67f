"""gRPC's interoperability service, on the machinery that serves everything else here."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from learnwire_service.common.errors import EndpointError
from learnwire_service.common.settings import ServerSettings
from learnwire_service.hosting.serving import beside
from learnwire_service.rpc.calls import WatchedServer
from learnwire_service.rpc.server import Server
from learnwire_service.runners.registry import Registry

from . import messages as pb

SERVICE = "grpc.testing.TestService"
METHODS = ("EmptyCall", "UnaryCall", "StreamingOutputCall", "StreamingInputCall", "FullDuplexCall")
INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class InteropServer(Server):
    """A server that has one service more."""

    def _add_services(self) -> None:
        watched = WatchedServer(self._server, self._calls)
        watched.add_registered_method_handlers(SERVICE, _handlers())
        super()._add_services()


@contextmanager
def interop() -> Iterator[str]:
    """Serve it in the background of this process, and give its target."""
    on_a_free_port: dict[str, Any] = {"port": 0, "workers": 1}
    settings = ServerSettings(**on_a_free_port)

    async def come_up(server: Server) -> str:
        target = await server.start()
        await server.load()
        return target

    with beside(lambda: InteropServer(Registry([]), settings), come_up, settings) as target:
        yield target


def _handlers() -> dict[str, Any]:
    unary = grpc.unary_unary_rpc_method_handler
    stream = grpc.stream_stream_rpc_method_handler
    output = grpc.unary_stream_rpc_method_handler
    made = {
        "EmptyCall": (unary, _empty, pb.Empty, pb.Empty),
        "UnaryCall": (unary, _unary, pb.SimpleRequest, pb.SimpleResponse),
        "StreamingOutputCall": (output, _output, pb.OutputRequest, pb.OutputResponse),
        # On the wire a stream that is answered once is one of one answer.
        "StreamingInputCall": (stream, _input, pb.InputRequest, pb.InputResponse),
        "FullDuplexCall": (stream, _duplex, pb.OutputRequest, pb.OutputResponse),
    }
    return {
        name: make(behaviour, request.FromString, response.SerializeToString)
        for name, (make, behaviour, request, response) in made.items()
    }


async def _empty(request: Any, context: Any) -> Any:
    return request


async def _unary(request: Any, context: Any) -> Any:
    await _echo_metadata(context)
    _echo_status(request)
    return pb.SimpleResponse(payload=pb.Payload(body=bytes(request.response_size)))


async def _output(request: Any, context: Any) -> AsyncIterator[Any]:
    for wanted in request.response_parameters:
        await asyncio.sleep(wanted.interval_us / 1e6)
        yield pb.OutputResponse(payload=pb.Payload(body=bytes(wanted.size)))


async def _input(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
    size = 0
    async for request in requests:
        size += len(request.payload.body)
    yield pb.InputResponse(aggregated_payload_size=size)


async def _duplex(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
    await _echo_metadata(context)
    async for request in requests:
        _echo_status(request)
        async for response in _output(request, context):
            yield response


async def _echo_metadata(context: Any) -> None:
    sent = dict(context.invocation_metadata())
    if INITIAL in sent:
        await context.send_initial_metadata(((INITIAL, sent[INITIAL]),))
    if TRAILING in sent:
        context.set_trailing_metadata(((TRAILING, sent[TRAILING]),))


def _echo_status(request: Any) -> None:
    if request.HasField("response_status"):
        status = request.response_status
        raise EndpointError(_CODES[status.code], status.message)
