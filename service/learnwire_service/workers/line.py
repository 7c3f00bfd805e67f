"""What a worker and its supervisor say to each other while the worker serves.

Each says lines of JSON. The worker asks for changes, and tells what became of the steps that it was
told to take; the supervisor tells the steps of changes, whichever worker asked for them, and what
became of what was asked for.
"""

import asyncio
import itertools
import json
import socket
from collections.abc import Sequence
from typing import Any

from ..common.changes import CarryOut, Do, Problem, Step

# The exit code of a worker with a model that never returns; its callers have been told.
LOST = 70

# A line may name all models of a large store.
_MOST_BYTES = 2**26

GONE = Problem("a process of this server has ended meanwhile; try again shortly", passes=True)


async def ends_of(line: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Give what this side hears the other one say, and what it says."""
    return await asyncio.open_unix_connection(sock=line, limit=_MOST_BYTES)


class Line:
    """One side of the line between two processes.

    Args:
        reader: what the other side says.
        writer: what this side says.

    Attributes:
        is_over: whether the other side is gone.
        begun: is set once the other side hears what this one asks for.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.is_over = False
        self.begun = asyncio.Event()
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Problem | None]] = {}
        self._busy = set[asyncio.Task[None]]()

    async def ask(self, steps: Sequence[Step]) -> Problem | None:
        """Have the other side take steps; tell where that was not possible."""
        await self.begun.wait()
        if self.is_over:
            return GONE
        number = next(self._numbers)
        answer: asyncio.Future[Problem | None] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        self._say({"ask": number, "steps": [(step.do, step.tag, step.why) for step in steps]})
        return await answer

    async def listen(self, carry_out: CarryOut) -> None:
        """Do what the other side asks for, until it is gone."""
        try:
            while line := await self._reader.readline():
                self._hear(json.loads(line), carry_out)
        except ConnectionError:
            pass
        finally:
            self.is_over = True
            self.begun.set()
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_result(GONE)

    def _hear(self, said: dict[str, Any], carry_out: CarryOut) -> None:
        if "ask" in said:
            steps = [Step(Do(do), tag, why) for do, tag, why in said["steps"]]
            task = asyncio.create_task(self._answer(said["ask"], steps, carry_out))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        else:
            problem = said["problem"]
            answer = self._asked.pop(said["answer"])
            # Who asked may wait no longer.
            if not answer.done():
                answer.set_result(problem and Problem(*problem))

    async def _answer(self, number: int, steps: Sequence[Step], carry_out: CarryOut) -> None:
        self._say({"answer": number, "problem": await carry_out(steps)})

    def _say(self, message: dict[str, Any]) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")
