"""Endpoints without a socket: a client's calls, answered by a server's handlers."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

from google.protobuf.message import Message
from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1.endpoint_service_pb2_grpc import add_EndpointServiceServicer_to_server
from learnwire_client.base import DEFAULT_OPTIONS
from learnwire_client.calls import EndpointCalls
from learnwire_client.status import from_status

from ..common.settings import ServerSettings
from ..services.endpoints.directory import Directory
from .calls import Calls, WatchedServer
from .context import Context, Ended
from .endpoint_servicer import EndpointServicer
from .handlers import Handlers

_T = TypeVar("_T")


class UnwiredCalls(EndpointCalls):
    """Calls the endpoints of a directory from other threads than its event loop's.

    It is made in that event loop. Requests are checked on their bytes, and errors are those of
    a client: all is as over a socket, but for the socket.
    """

    def __init__(self, directory: Directory, settings: ServerSettings) -> None:
        super().__init__("this process", None, DEFAULT_OPTIONS)
        stub: Any = _Stub(directory, settings)
        self._endpoints = stub


class _Stub:
    """What the generated stub is to a client."""

    def __init__(self, directory: Directory, settings: ServerSettings) -> None:
        self._loop = asyncio.get_running_loop()
        self._handlers = Handlers()
        handlers: Any = self._handlers
        watched: Any = WatchedServer(handlers, Calls(settings))
        servicer = EndpointServicer(directory, settings.bounds)
        add_EndpointServiceServicer_to_server(servicer, watched)

    def Call(self, request: pb.CallRequest, timeout: float | None) -> pb.CallResponse:
        handler = self._handler("Call")
        answer: Coroutine[Any, Any, pb.CallResponse] = handler.unary_unary(
            _read(handler, request), Context(seconds=timeout)
        )
        return self._wait(answer)

    def CallStream(self, request: pb.CallStreamRequest, timeout: float | None) -> "_Stream":
        handler = self._handler("CallStream")
        return _Stream(
            self._wait, handler.unary_stream(_read(handler, request), Context(seconds=timeout))
        )

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except Ended as end:
            raise from_status(end.status) from None

    def _handler(self, method: str) -> Any:
        return self._wait(self._handlers.find(f"/learnwire.v1.EndpointService/{method}", ()))


class _Stream:
    """What gRPC gives for a call that streams."""

    def __init__(self, wait: Any, answers: AsyncIterator[Any]) -> None:
        self._wait = wait
        self._answers: Any = answers

    def __iter__(self) -> Iterator[Any]:
        while (answer := self._wait(_next(self._answers))) is not None:
            yield answer

    def cancel(self) -> None:
        self._wait(_closed(self._answers))


def _read(handler: Any, request: Message) -> Any:
    return handler.request_deserializer(request.SerializeToString())


async def _next(answers: Any) -> Any:
    return await anext(answers, None)


async def _closed(answers: Any) -> None:
    await answers.aclose()
