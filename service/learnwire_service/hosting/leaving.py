"""An event loop that ends, whatever the coroutines in it still do."""

import asyncio
from collections.abc import Coroutine, Set
from typing import Any

from ..common.logs import get_logger

# For what is cancelled at the end.
_LEAST_SECONDS = 1.0

_log = get_logger()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in an event loop of its own, as asyncio.run does.

    What is left then is cancelled and, unlike there, left to itself where it goes on.
    """
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(main)
    finally:
        loop.run_until_complete(_cancelled(asyncio.all_tasks(loop)))
        loop.close()


async def within(seconds: float, main: Coroutine[Any, Any, None]) -> None:
    """Await a coroutine, but not for longer than so many seconds, whatever it does."""
    task = asyncio.create_task(main)
    await asyncio.wait({task}, timeout=seconds)
    if task.done():
        return task.result()
    _log.error("left what does not end", seconds=seconds)
    return None


async def _cancelled(tasks: Set["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        _, left = await asyncio.wait(tasks, timeout=_LEAST_SECONDS)
        if left:
            _log.error("left what does not end", tasks=len(left))
    generators = asyncio.create_task(asyncio.get_running_loop().shutdown_asyncgens())
    await asyncio.wait({generators}, timeout=_LEAST_SECONDS)
