"""A worker's process, as its supervisor sees it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

from ..common.errors import WorkersFailed
from .order import Order, understand

# What a worker may take beyond the time that calls in flight have.
_MORE_SECONDS = 5.0


class Worker:
    """A process that has been given an order.

    Attributes:
        pid: its number.
        serves: whether it has said that it does.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process, self._reader, self._writer = process, reader, writer
        self.pid = process.pid
        self.serves = False

    @classmethod
    async def start(cls, order: Order, environment: Mapping[str, str]) -> Self:
        """Start a fresh interpreter, since torch may hang in a fork; tell it what to serve.

        Raises:
            WorkersFailed: the system does not start another process.
        """
        try:
            near, far = socket.socketpair()
        except OSError as error:
            raise _unstarted(error) from error
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", f"{__package__}.worker"),
                stdin=far.fileno(),
                env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                # Ctrl-C is the supervisor's: it has calls in flight answered first.
                process_group=0,
            )
        except OSError as error:
            near.close()
            raise _unstarted(error) from error
        finally:
            far.close()
        reader, writer = await asyncio.open_unix_connection(sock=near)
        writer.write(order.line())
        return cls(process, reader, writer)

    async def ready(self) -> None:
        """Wait until it serves.

        Raises:
            WorkersFailed: it cannot, or ended.
        """
        try:
            line = await self._reader.readline()
        except ConnectionError:
            line = b""
        if not line:
            ended = await self.ended()
            raise WorkersFailed(f"a worker ended with {ended} before it served; see its log")
        problem = understand(line)
        if problem is not None:
            raise WorkersFailed(problem)
        self.serves = True

    async def ended(self) -> str:
        """Wait for its end, and tell how it ended."""
        code = await self._process.wait()
        if code >= 0:
            return f"exit code {code}"
        # Real-time signals have no names.
        return next((one.name for one in signal.Signals if one == -code), f"signal {-code}")

    async def drain(self, seconds: float) -> None:
        """Have it answer the calls in flight, within these seconds, and end; see to its end."""
        self._writer.close()
        if not self.serves:
            self._kill()
        try:
            async with asyncio.timeout(seconds + _MORE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._kill()
            await self._process.wait()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()


def _unstarted(error: OSError) -> WorkersFailed:
    return WorkersFailed(f"a worker cannot be started: {error.strerror}")
