"""What goes back to a caller, as fast as they read it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.rpc import status_pb2

from ..rpc.context import Context
from ..rpc.reading import in_thread
from .messages import written
from .protocols import Head, Protocol

# What is smaller takes the event loop less time than a thread would.
LARGE_BYTES = 2**15

_T = TypeVar("_T")

Send = Callable[[Any], Awaitable[None]]


class Writer:
    """Writes the answers of one call.

    Args:
        protocol: as its caller reads them.
        send: as ASGI has it; it waits where the caller reads slowly.
        context: has the metadata that goes back, as headers.
    """

    def __init__(self, protocol: Protocol, send: Send, context: Context) -> None:
        self._protocol, self._send, self._context = protocol, send, context
        self._begun = False

    async def single(self, answer: Message) -> None:
        """Write the one answer, and that it is the only one."""
        await self._whole(*await self._made(self._protocol.single, answer))

    async def stream(self, answers: AsyncIterator[Message]) -> None:
        """Write answers as they come."""
        iterator: Any = answers
        async with aclosing(iterator):
            async for answer in answers:
                data = await self._made(self._protocol.answer, answer)
                if not self._begun:
                    await self._begin(self._protocol.head())
                await self._part(data, more=True)

    async def end(self, status: status_pb2.Status | None = None) -> None:
        """Write how it ended; None is OK."""
        if self._begun:
            await self._part(self._protocol.end(status), more=False)
        elif status is None:
            await self._whole(self._protocol.head(), self._protocol.end(None))
        else:
            await self._whole(*self._protocol.refusal(status))

    async def _made(self, wrap: Callable[[bytes], _T], answer: Message) -> _T:
        """Give an answer as it is written; a large one is made in a thread."""
        if answer.ByteSize() < LARGE_BYTES:
            return wrap(self._bytes(answer))
        return await in_thread(lambda: wrap(self._bytes(answer)))

    def _bytes(self, answer: Message) -> bytes:
        return written(answer) if self._protocol.is_json else answer.SerializeToString()

    async def _whole(self, head: Head, data: bytes) -> None:
        await self._begin(head, {"content-length": str(len(data))})
        await self._part(data, more=False)

    async def _begin(self, head: Head, more: Mapping[str, str] | None = None) -> None:
        self._begun = True
        back = {key: str(value) for key, value in self._context.trailing}
        headers = {**back, **head.headers, **(more or {})}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": head.status, "headers": raw})

    async def _part(self, data: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
