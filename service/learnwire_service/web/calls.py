"""Calls over HTTP: found, read, answered by their handlers, and ended as gRPC would end them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from google.protobuf.message import Message

from ..common.errors import DeadlineExceeded, LearnwireError, UnknownEncoding, WrongMethod
from ..common.mib import MIB
from ..common.settings import ServerSettings
from ..rpc.context import Context, Ended
from ..rpc.handlers import Handlers
from ..rpc.reading import apart, by_size, in_thread
from ..rpc.room import Room
from ..rpc.status import to_status
from .bodies import Body, Gone, Receive
from .envelopes import decompressed
from .incoming import context_of
from .messages import reader
from .protocols import Protocol
from .writing import Send, Writer

_INSTEAD = {"PredictStream": "; PredictMany takes many items in one request"}


class Calls:
    """Answers calls with the handlers of a server.

    Args:
        handlers: those of the gRPC server.
        settings: what requests may hold.
    """

    def __init__(self, handlers: Handlers, settings: ServerSettings) -> None:
        self._handlers = handlers
        self._bounds = settings.bounds
        self._most = settings.max_message_mib * MIB
        # Those that are still on their way take nothing of what is held while it is answered.
        self._room = Room(settings.max_held_mib * MIB)

    async def answer(
        self,
        scope: Any,
        headers: Mapping[str, str],
        protocol: Protocol,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one call.

        Args:
            scope: as ASGI has it.
            headers: the request's.
            protocol: how its caller speaks.
            receive: as ASGI has it.
            send: as ASGI has it.
        """
        context = context_of(scope, headers, protocol.seconds)
        writer = Writer(protocol, send, context)
        if protocol.fault is not None:
            await writer.end(to_status(protocol.fault))
            return
        method = scope["path"]
        handler = await self._handlers.find(method, context.invocation_metadata())
        body = Body(receive, headers, self._most, self._room)
        try:
            async with asyncio.timeout(protocol.seconds):
                if handler.request_streaming:
                    # It is one that refuses, or nothing that HTTP has a way for.
                    await writer.stream(handler.stream_stream(_none(handler, method), context))
                else:
                    await self._answer(handler, context, protocol, body, writer)
        except Gone:
            pass
        except Ended as end:
            await writer.end(end.status)
        except TimeoutError:
            await writer.end(to_status(DeadlineExceeded("the deadline of the call passed")))

    async def ask(
        self,
        method: str,
        headers: Mapping[str, str],
        context: Context,
        receive: Receive,
        read: Callable[[bytes], Message],
    ) -> Any:
        """Ask a method that answers once, and give its answer.

        Args:
            method: its path.
            headers: the request's.
            context: of the call.
            receive: as ASGI has it.
            read: makes the method's request of the body, or raises a LearnwireError.

        Raises:
            Ended: there is none.
            Gone: the caller has left.
        """
        handler = await self._handlers.find(method, context.invocation_metadata())
        if handler.request_streaming:  # It is one that refuses.
            await anext(handler.stream_stream(_none(handler, method), context))
        body = Body(receive, headers, self._most, self._room)
        try:
            data = await self._unpacked(await body.read(), headers.get("content-encoding", ""))
            request = by_size(partial(_message, handler.request_deserializer, read), data)
        except Gone:
            raise
        except Exception as error:  # noqa: BLE001 - the handler tells of it
            request = error
        async with _watched(body):
            return await handler.unary_unary(request, context)

    async def _unpacked(self, data: bytes, encoding: str) -> bytes:
        if encoding in ("", "identity"):
            return data
        if encoding != "gzip":
            raise UnknownEncoding(encoding)
        return await in_thread(decompressed, data, self._most)

    async def _answer(
        self, handler: Any, context: Context, protocol: Protocol, body: Body, writer: Writer
    ) -> None:
        request = await self._request(handler, protocol, body)
        if handler.response_streaming:
            async with _watched(body):
                await writer.stream(handler.unary_stream(request, context))
            await writer.end()
        else:
            async with _watched(body):
                answer = await handler.unary_unary(request, context)
            await writer.single(answer)

    async def _request(self, handler: Any, protocol: Protocol, body: Body) -> Any:
        """Give the request, or the error that its handler is to end the call with."""
        if not protocol.fits(streams=handler.response_streaming):
            answers = "with a stream" if handler.response_streaming else "once"
            return WrongMethod(f"this method answers {answers}: {protocol.content_type} has no way")
        parse = handler.request_deserializer
        read = reader(parse, self._bounds) if protocol.is_json else parse.read
        try:
            data = await body.read()
            # A few bytes may become many.
            road = in_thread if protocol.packed else apart
            return by_size(read, await road(protocol.message, data, self._most))
        except Gone:
            raise
        except Exception as error:  # noqa: BLE001 - the handler tells of it
            return error


def _message(parse: Any, read: Callable[[bytes], Message], data: bytes) -> Any:
    """Give the message within the bounds of those from bytes, or the error that stands for it."""
    try:
        return parse.read(read(data).SerializeToString())
    except LearnwireError as error:
        return error


async def _none(handler: Any, method: str) -> AsyncIterator[Any]:
    """Give the requests of a stream: none, and why."""
    if getattr(handler.request_deserializer, "message", None) is not None:
        instead = _INSTEAD.get(method.rpartition("/")[2], "")
        raise WrongMethod(f"{method} takes a stream of requests, which only gRPC has{instead}")
    return
    yield


@asynccontextmanager
async def _watched(body: Body) -> AsyncIterator[None]:
    """Cancel what is done inside when the caller leaves.

    Raises:
        Gone: they did.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine is in one
    is_gone = False

    async def watch() -> None:
        nonlocal is_gone
        await body.left()
        is_gone = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if is_gone and not task.uncancel():
            raise Gone from None
        raise
    finally:
        watcher.cancel()
