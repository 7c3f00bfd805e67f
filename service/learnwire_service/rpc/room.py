"""What there is room for: so many bytes of large requests at a time, as long as memory suffices."""

import asyncio

from ..common.errors import QueueFull
from ..common.memory import trim
from ..common.mib import MIB
from .pressure import Pressure, Stage

# So long after the last large request: what the C library keeps of them would stay.
_TRIM_SECONDS = 1.0


class Room:
    """The room that all calls of a server share, in one event loop.

    Args:
        most: how many bytes there is room for. A request that is alone is always taken.
        pressure: tells whether the server's memory suffices; None: it always does.
    """

    def __init__(self, most: int, pressure: Pressure | None = None) -> None:
        self._most, self._pressure = most, pressure
        self._held = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._trimming: asyncio.TimerHandle | None = None

    def check_memory(self) -> None:
        """Refuse what would be a call if it were no stream's item.

        Raises:
            MemoryShort: the server takes no new calls.
        """
        if self._pressure is not None and self._pressure.stage is Stage.CALLS:
            self._pressure.refuse()

    def place(self) -> "Place":
        """Give what a call holds of it, nothing so far."""
        return Place(self)

    def take(self, size: int) -> bool:
        """Take a request in; False where there is no room for it and another like it.

        So large ones leave room for smaller ones.
        """
        self._trim_later()
        if self._held and self._held + 2 * size > self._most:
            return False
        self._held += size
        return True

    async def changed(self) -> None:
        """Wait until there may be more of it."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def give_back(self, size: int) -> None:
        """Let a request go."""
        self._held -= size
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _trim_later(self) -> None:
        if self._trimming is not None:
            self._trimming.cancel()
        loop = asyncio.get_running_loop()
        self._trimming = loop.call_later(_TRIM_SECONDS, loop.run_in_executor, None, trim)

    @property
    def mib(self) -> int:
        """The MiB that are held."""
        return self._held // MIB


class Place:
    """What one call holds of a room.

    Attributes:
        room: it.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self._held = 0

    def take(self, size: int) -> None:
        """Take a request in.

        Raises:
            QueueFull: there is no room.
        """
        if not self.room.take(size):
            problem = f"the server holds {self.room.mib} MiB of large requests already"
            raise QueueFull(f"{problem}; try again shortly")
        self._held += size

    async def take_patiently(self, size: int) -> None:
        """Take a request in, once there is room."""
        while not self.room.take(size):
            await self.room.changed()
        self._held += size

    def give_back(self, size: int) -> None:
        """Let a request go."""
        if size:
            self._held -= size
            self.room.give_back(size)

    def leave(self) -> None:
        """Let all go."""
        self.give_back(self._held)
