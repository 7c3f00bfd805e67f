"""Threads for functions that block: a bounded number of them, which nobody has to wait for."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread
from typing import Any

_Work = Callable[[], None]


class Threads:
    """Runs blocking functions beside an event loop.

    A caller who goes away leaves his function to itself. Unlike an executor's, a thread that
    never ends keeps neither the process alive nor more than its own place.

    Args:
        name: what the threads are called.
        most: how many there are at most; who comes then waits his turn.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._free = asyncio.Semaphore(most)
        self._work = SimpleQueue[_Work | None]()
        self._threads = self._busy = 0

    async def run(self, function: Callable[[], Any]) -> Any:
        """Call a function in a thread, and wait for what it returns or raises."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
        call = copy_context().run

        def settle(outcome: tuple[Any, BaseException | None]) -> None:
            self._busy -= 1
            self._free.release()
            if not reply.done():
                reply.set_result(outcome)

        def work() -> None:
            outcome: tuple[Any, BaseException | None]
            try:
                outcome = (call(function), None)
            except BaseException as error:  # noqa: BLE001 - it is raised where `run` was called
                outcome = (None, error)
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, outcome)

        await self._free.acquire()
        self._busy += 1
        if self._busy > self._threads:
            self._threads += 1
            Thread(target=self._live, name=self._name, daemon=True).start()
        self._work.put(work)
        value, error = await reply
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """Let the threads end, each after what it does now."""
        for _ in range(self._threads):
            self._work.put(None)

    def _live(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work
