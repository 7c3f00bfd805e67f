"""Who is using something, so that it is put away once nobody does."""

import asyncio
from types import TracebackType


class Uses:
    """Counts those who use something, in one event loop.

    Usage: `with uses: ...`
    """

    __slots__ = ("_count", "_none")

    def __init__(self) -> None:
        self._count = 0
        self._none: asyncio.Event | None = None

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._count -= 1
        if self._none is not None and not self._count:
            self._none.set()

    async def none(self) -> None:
        """Wait until nobody uses it."""
        if self._count:
            self._none = asyncio.Event()
            await self._none.wait()
