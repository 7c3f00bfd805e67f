"""The life of a service in a process: it begins with its first server and ends with its last."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from threading import Lock

_Change = Callable[[], Awaitable[None]]


class Life:
    """Counts the servers of one service, each of which has an event loop of its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._servers = 0
        self._last: Future[None] | None = None

    async def begin(self, start: _Change) -> None:
        """Count one more server; the first one starts the service, the others wait for that."""
        async with self._turn():
            if not self._servers:
                await start()
            self._servers += 1

    async def end(self, stop: _Change) -> None:
        """Count one server less; the last one ends the service."""
        async with self._turn():
            self._servers -= 1
            if not self._servers:
                await stop()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for all who came before, in whichever event loop."""
        mine = Future[None]()
        with self._lock:
            before, self._last = self._last, mine
        if before is not None:
            try:
                await asyncio.shield(asyncio.wrap_future(before))
            except asyncio.CancelledError:
                before.add_done_callback(lambda _: mine.set_result(None))
                raise
        try:
            yield
        finally:
            mine.set_result(None)
