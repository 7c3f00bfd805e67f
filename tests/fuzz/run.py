"""One run: so many calls and connections of a seed against a server, all at once some of them."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Protocol

from . import wire
from .calls import Caller, Made, made
from .corpus import Corpus

_AT_A_TIME, _CHANNELS = 32, 4
_CONNECTIONS_AT_A_TIME = 40
# Beyond so many faults a run has told enough.
_MOST_FAULTS = 20
# Is told how many are done.
Progress = Callable[[int], None]


class Breaks(Protocol):
    """What connections send, as the module wire has it."""

    def script(self, seed: int, index: int) -> tuple[str, wire.Script]:
        """Give how one connection breaks the rules, and what it sends."""

    async def send(self, target: str, seed: int, index: int) -> None:
        """Open one connection, send what it has to send, and look at what comes back."""


async def send_messages(
    target: str, corpus: Corpus, seed: int, count: int, progress: Progress = lambda done: None
) -> list[str]:
    """Send so many mutated messages, and tell what went wrong: seed, reason, smallest messages."""
    done, faults = 0, dict[str, str]()
    indices = itertools.count()

    async def work(caller: Caller) -> None:
        nonlocal done
        while done < count and len(faults) < _MOST_FAULTS:
            index = next(indices)
            call = made(corpus, seed, index)
            done += len(call.messages)
            progress(done)
            if reason := await caller.fault(call):
                kind = f"{call.method.path} {reason[:60]}"
                if kind not in faults:
                    faults[kind] = ""
                    least = await caller.smallest(call)
                    faults[kind] = f"seed {seed}, call {index}: {reason}\n  {_told(least)}"

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        for _ in range(_CHANNELS):
            caller = await stack.enter_async_context(Caller(target))
            for _ in range(_AT_A_TIME // _CHANNELS):
                tasks.create_task(work(caller))
    return list(faults.values())


async def send_connections(
    target: str,
    seed: int,
    count: int,
    progress: Progress = lambda done: None,
    *,
    breaks: Breaks = wire,
) -> list[str]:
    """Open so many broken connections, and tell which could not be opened or did not end.

    Args:
        target: where the server listens.
        seed: the same one sends the same.
        count: how many.
        progress: is told how many are done.
        breaks: has what they send, as wire does, which breaks HTTP/2.
    """
    indices: Iterator[int] = iter(range(count))
    faults = Counter[str]()

    async def work() -> None:
        for index in indices:
            try:
                await breaks.send(target, seed, index)
            except (OSError, TimeoutError, AssertionError) as error:
                faults[f"connection {breaks.script(seed, index)[0]}: {error!r}"] += 1
            progress(index)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_CONNECTIONS_AT_A_TIME):
            tasks.create_task(work())
    return [f"seed {seed}, {times} times {fault}" for fault, times in faults.items()]


def _told(call: Made) -> str:
    return f"{call}"[:4000]
