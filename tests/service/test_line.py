"""What becomes of changes when a process that takes part in them ends."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from learnwire_service.common.changes import Do, Problem, Step
from learnwire_service.workers.fleet import Fleet
from learnwire_service.workers.line import Line, ends_of
from learnwire_service.workers.process import Worker

PREPARE, ADD = Step(Do.PREPARE, "shop:two"), Step(Do.ADD, "shop:two")
_SECONDS = 60.0


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Worker, socket.socket]]:
    """Give a worker that says that it serves, and its side of the line, which a test has."""
    near, far = socket.socketpair()
    pid = os.posix_spawn("/bin/sleep", ["sleep", "600"], os.environ)
    worker = await Worker.begun(pid, near)
    listening = None
    try:
        far.sendall(b'{"versions": [], "defaults": {}}\n')
        await worker.ready()
        listening = asyncio.create_task(worker.listen(Fleet({}, "{}", 0.0).change))
        yield worker, far
    finally:
        worker.kill()
        await worker.drain(_SECONDS)
        if listening is not None:
            await listening
        far.close()


async def gone(worker: Worker, far: socket.socket) -> None:
    """End the line, and see that the worker has noticed, before its process has ended."""
    step = asyncio.create_task(worker.take(PREPARE))
    await asyncio.sleep(0)
    far.close()
    assert "ended" in str(await step)
    assert worker.serves


def test_who_has_gone_is_asked_for_nothing_more_and_holds_up_no_change() -> None:
    async def change() -> Problem | None:
        async with serving() as (worker, far):
            await gone(worker, far)
            fleet = Fleet({0: worker}, json.dumps({"served": []}), 0.0)
            return await fleet.change([PREPARE, ADD])

    problem = asyncio.run(asyncio.wait_for(change(), _SECONDS))
    told = "a process of this server has ended meanwhile; try again shortly"
    assert problem == Problem(told, passes=True)


def test_a_worker_that_ends_while_it_adds_a_version_is_replaced_by_one_that_serves_it() -> None:
    async def add() -> tuple[Problem | None, str]:
        async with serving() as (worker, far):
            await gone(worker, far)
            fleet = Fleet({0: worker}, json.dumps({"served": ["shop:one"]}), 0.0)
            return await fleet.change([ADD]), fleet.order(0)

    problem, order = asyncio.run(asyncio.wait_for(add(), _SECONDS))
    assert problem is None
    assert json.loads(order)["served"] == ["shop:one", "shop:two"]


def test_a_side_asks_for_nothing_before_the_other_one_hears() -> None:
    async def ask() -> tuple[bytes, Problem | None]:
        near, far = socket.socketpair()
        reader, writer = await ends_of(near)
        its_reader, its_writer = await ends_of(far)
        line = Line(reader, writer)
        listening = asyncio.create_task(line.listen(Fleet({}, "{}", 0.0).change))
        asking = asyncio.create_task(line.ask([ADD]))
        await asyncio.sleep(0)
        writer.write(b"null\n")
        line.begun.set()
        first = await its_reader.readline()
        asked = json.loads(await its_reader.readline())
        its_writer.write(
            json.dumps({"answer": asked["ask"], "problem": ["not today", True, False]}).encode()
        )
        its_writer.write(b"\n")
        problem = await asking
        its_writer.close()
        await listening
        writer.close()
        return first, problem

    first, problem = asyncio.run(asyncio.wait_for(ask(), _SECONDS))
    assert (first, problem) == (b"null\n", Problem("not today", is_failure=True))


def test_a_worker_may_be_told_of_all_models_of_a_large_store() -> None:
    served = [f"model-{number}:njsvb5vmms" for number in range(20_000)]

    async def told() -> bytes:
        near, far = socket.socketpair()
        reader, writer = await ends_of(near)
        _, its_writer = await ends_of(far)
        its_writer.write(json.dumps({"served": served}).encode() + b"\n")
        line = await reader.readline()
        for one in (writer, its_writer):
            one.close()
        return line

    line = asyncio.run(asyncio.wait_for(told(), _SECONDS))
    assert json.loads(line) == {"served": served}
