"""The bodies of requests: as many bytes as the server takes, and no slower than it waits."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..common.errors import DeadlineExceeded, TooLarge
from ..rpc.room import Room

Receive = Callable[[], Awaitable[Any]]

# What is smaller is of no account.
_LARGE_BYTES = 2**15
# A body has so long, and longer by what of it has come at this rate.
_SECONDS, _BYTES_EACH = 20.0, 2**16


class Gone(Exception):
    """Raised where a caller has left."""


class Body:
    """One request's body.

    Args:
        receive: as ASGI has it.
        headers: the request's.
        most: the bytes that it may have.
        room: what all bodies share that are on their way.

    Attributes:
        is_read: whether all of it has been.
    """

    def __init__(self, receive: Receive, headers: Mapping[str, str], most: int, room: Room) -> None:
        self._receive, self._most = receive, most
        self._declared = int(headers.get("content-length", 0))
        self._place = room.place()
        self.is_read = False

    async def read(self) -> bytes:
        """Read it.

        Raises:
            TooLarge: it has too many bytes, or tells so.
            QueueFull: too many others are on their way.
            DeadlineExceeded: it comes too slowly.
            Gone: its sender has left.
        """
        if self._declared > self._most:
            raise TooLarge(self._most)
        try:
            return await self._whole()
        except TimeoutError:
            raise DeadlineExceeded("the request's body did not come in time") from None
        finally:
            self._place.leave()

    async def left(self) -> None:
        """Wait until its sender has left; what of it has not been read is left where it is."""
        if not self.is_read:
            await asyncio.Event().wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _whole(self) -> bytes:
        whole = bytearray()
        loop = asyncio.get_running_loop()
        last = loop.time() + _SECONDS
        async with asyncio.timeout_at(last) as limit:
            while not self.is_read:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                part = message.get("body", b"")
                whole += part
                self.is_read = not message.get("more_body", False)
                if len(whole) > self._most:
                    raise TooLarge(self._most)
                if len(whole) > _LARGE_BYTES:
                    self._place.take(len(part))
                if not self.is_read:
                    limit.reschedule(last + len(whole) / _BYTES_EACH)
        return bytes(whole)
