"""A worker's process, as its supervisor sees it."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Thread
from typing import Self

from ..common.changes import CarryOut, Do, Problem, Step
from ..common.errors import WorkersFailed
from .line import LOST, Line, ends_of

# What a worker may take beyond the time that calls in flight have, and a moment more than it
# gives itself.
_MORE_SECONDS = 6.0
_COMMAND = (sys.executable, "-P", "-m", f"{__package__}.worker")
_STDIN = 0


class Worker:
    """A process that has been given an order.

    Args:
        pid: its number; it is a child of this process.
        reader: what it says.
        writer: closed, that it is to end.

    Attributes:
        pid: its number.
        serves: whether it has said that it does.
        settled: is set once it serves, or cannot.
        hangs: is set once a thread of it does what never ends; it serves all the same.
        heard_at: when it was last heard, on this process's monotonic clock; None: it never was.
        versions: what it serves, each as `name:version`, once it does.
        defaults: those of them that answer to bare names, by these.
    """

    def __init__(
        self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer = reader, writer
        self._end = _end_of(pid)
        self._line = Line(reader, writer)
        self.pid = pid
        self.serves = self._has_served = self._is_given_up = False
        self.settled, self.hangs = asyncio.Event(), asyncio.Event()
        self.heard_at: float | None = None
        self.versions: Sequence[str] = ()
        self.defaults: Mapping[str, str] = {}

    @classmethod
    async def begun(cls, pid: int, line: socket.socket) -> Self:
        """See to one that has begun, and is talked to by this socket."""
        return cls(pid, *await ends_of(line))

    @classmethod
    async def start(cls, order: str) -> Self:
        """Start a fresh interpreter, since torch may hang in a fork; tell it what to serve.

        Raises:
            WorkersFailed: the system does not start another process.
        """
        try:
            near, far = socket.socketpair()
        except OSError as error:
            raise _unstarted(error) from error
        try:
            pid = os.posix_spawn(
                sys.executable,
                _COMMAND,
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, far.fileno(), _STDIN)],
                # Ctrl-C is the supervisor's: it has calls in flight answered first.
                setpgroup=0,
            )
        except OSError as error:
            near.close()
            raise _unstarted(error) from error
        finally:
            far.close()
        worker = await cls.begun(pid, near)
        worker._writer.write(order.encode())
        return worker

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
        said = json.loads(line)
        if (problem := said.get("problem")) is not None:
            raise WorkersFailed(problem)
        self.versions, self.defaults = said["versions"], said["defaults"]
        self.serves = self._has_served = True
        self._line.begun.set()
        self.settled.set()

    async def listen(self, carry_out: CarryOut) -> None:
        """Make the changes that it asks for, until it is gone."""
        await self._line.listen(carry_out)

    @property
    def is_gone(self) -> bool:
        """Whether it hears nothing more."""
        return self._line.is_over

    async def take(self, step: Step) -> Problem | None:
        """Have it take a step of a change; tell where that is not possible.

        One that ends meanwhile is replaced by one that serves what the others do.
        """
        problem = await self._line.ask([step])
        return None if self.is_gone and step.do is not Do.PREPARE else problem

    async def over(self) -> bool:
        """Wait until it has ended, or hangs; tell whether it has ended."""
        hangs = asyncio.create_task(self.hangs.wait())
        ended = asyncio.create_task(self.ended())
        try:
            await asyncio.wait([ended, hangs], return_when=asyncio.FIRST_COMPLETED)
            return ended.done()
        finally:
            ended.cancel()
            hangs.cancel()

    async def ended(self) -> str:
        """Wait for its end, and tell how it ended."""
        code = await asyncio.shield(self._end)
        if code >= 0:
            return f"exit code {code}"
        # Real-time signals have no names.
        return next((one.name for one in signal.Signals if one == -code), f"signal {-code}")

    async def drain(self, seconds: float) -> bool:
        """Have it answer the calls in flight, within these seconds, and end; see to its end.

        Returns: whether it did so by itself and all went well; of one that was lost before,
            nothing else was expected.
        """
        self.serves = False
        self.settled.set()
        self._writer.close()
        if not self._has_served:
            self.kill()
        try:
            async with asyncio.timeout(seconds + _MORE_SECONDS):
                ended = await asyncio.shield(self._end)
        except TimeoutError:
            self.kill()
            await asyncio.shield(self._end)
            return self.hangs.is_set()
        is_lost = self._is_given_up or self.hangs.is_set() or ended == LOST
        return ended == 0 or is_lost or not self._has_served

    def give_up(self) -> None:
        """End at once what says nothing more."""
        self._is_given_up = True
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if not self._end.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _end_of(pid: int) -> "asyncio.Future[int]":
    """Give a future of a child's exit code, negative where a signal ended it."""
    loop = asyncio.get_running_loop()
    end = loop.create_future()

    def wait() -> None:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        loop.call_soon_threadsafe(end.set_result, code)

    Thread(target=wait, daemon=True).start()
    return end


def _unstarted(error: OSError) -> WorkersFailed:
    return WorkersFailed(f"a worker cannot be started: {error.strerror}")
