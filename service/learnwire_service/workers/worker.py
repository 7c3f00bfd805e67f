"""A worker: serves on a port that it shares, for as long as its supervisor lives."""

import asyncio
import itertools
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from ..common import logs
from ..common.errors import LearnwireError
from ..common.extras import needed_for
from ..common.open_files import raise_limit
from ..hosting.rereading import Rereading
from ..hosting.serving import found, run, server_of, stopped_by_signals
from ..hosting.watching import follow
from ..observe import tracing
from ..observe.memory import SHARED_FOLDER
from ..observe.states import beat
from ..queue import overdue
from ..rpc.server import Server
from .line import LOST, Line, ends_of
from .order import Order

_STDIN = 0
_BEAT_SECONDS = 1.0
# For answers, once a model has not returned.
_LAST_SECONDS = 2.0

_log = logs.get_logger()


def main() -> int:
    """Work until the supervisor closes the socket, or until SIGTERM; give the exit code."""
    supervisor = os.getppid()
    try:
        return asyncio.run(_work(supervisor))
    finally:
        _clear(supervisor)


def _clear(supervisor: int) -> None:
    """Remove what the workers share, where the supervisor was killed and has left it."""
    if os.getppid() != supervisor:
        shutil.rmtree(os.environ[SHARED_FOLDER], ignore_errors=True)


async def _work(supervisor: int) -> int:
    stdin = socket.socket(fileno=_STDIN)
    reader, writer = await ends_of(stdin)
    if not (ordered := await reader.readline()):
        return 0
    order = Order.model_validate_json(ordered)
    facts = {"worker": os.getpid()} if order.settings.workers > 1 else {}
    logs.configure(order.settings.log_format, order.settings.log_level, **facts)
    rereading = asyncio.Event()
    stop = stopped_by_signals(rereading.set)
    lost = _end_when_lost(stop)
    besides = [asyncio.create_task(_beat())]
    problem = None
    try:
        tracing.begin()
        server = await _server(order)
        line = Line(reader, writer)
        besides.append(asyncio.create_task(_listen(line, server, stop)))
        if order.watches:
            names = None if order.follows is None else set(order.follows)
            follows = follow(server.lineup, line.ask, names, order.tried)
            besides.append(asyncio.create_task(follows))
        if order.settings.remote:
            besides += _fetching(order, server)

        async def tell() -> None:
            await _say(_told_of(server), writer)
            line.begun.set()

        if not await _serve(server, order, tell, stop, rereading):
            # The thread that loads would be waited for.
            _clear(supervisor)
            os._exit(0)
        if lost.is_set():
            # The thread that asks the model would be waited for.
            os._exit(LOST)
    except LearnwireError as error:
        problem = str(error)
    except ModuleNotFoundError as error:
        if not (problem := needed_for(error)):
            raise
    finally:
        for task in besides:
            task.cancel()
        tracing.end()
    if problem is not None:
        await _say({"problem": problem}, writer)
    return 0 if problem is None else 1


async def _server(order: Order) -> Server:
    """Make the server of what is to be served."""
    settings = order.settings
    server = server_of(found(order.served), settings, shares_port=not settings.is_unix)
    for tag in order.defaults.values():
        # A service may bring another version than it did before.
        if server.lineup.serves(tag):
            await server.lineup.make_default(tag)
    return server


def _fetching(order: Order, server: Server) -> list[asyncio.Task[None]]:
    """Have the store's versions come from the remote one."""
    from ..hosting import fetching

    server.admin.bring = partial(fetching.bring, order.settings)
    if not order.watches:
        return []
    follows = fetching.follow(order.settings, order.follows, order.served)
    return [asyncio.create_task(follows)]


async def _serve(
    server: Server,
    order: Order,
    tell: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
    rereading: asyncio.Event,
) -> bool:
    """Serve until it is to stop, and tell when it does; give whether it came up before."""
    raise_limit()
    settings = order.settings

    async def listen() -> None:
        _log.info("listening", target=await server.start())

    async def load() -> None:
        number, models = itertools.count(1), server.to_load
        await server.load(
            lambda name: _log.info("loading", model=name, number=next(number), of=models)
        )

    async def come_up() -> None:
        # One among several listens last: nobody is to be connected to one that cannot answer.
        comes_last = settings.workers > 1 or order.relieves
        for step in (load, listen) if comes_last else (listen, load):
            await step()
        await tell()

    again = Rereading(order.config)
    rereads = asyncio.create_task(_reread(server, again, rereading))
    try:
        return await run(server, come_up(), stop, settings)
    finally:
        rereads.cancel()


async def _reread(server: Server, again: Rereading, rereading: asyncio.Event) -> None:
    """Read files again whenever somebody says so."""
    while True:
        await rereading.wait()
        rereading.clear()
        again.look()
        server.reread()


def _end_when_lost(stop: asyncio.Event) -> threading.Event:
    """Give an event that is set where a model never returns: soon afterwards the process ends.

    Whoever waits for it has been told to try again, and other models have a moment to answer.
    """
    lost, loop = threading.Event(), asyncio.get_running_loop()

    def end() -> None:
        lost.set()
        loop.call_soon_threadsafe(stop.set)
        time.sleep(_LAST_SECONDS)
        os._exit(LOST)

    overdue.when_lost(end)
    return lost


def _told_of(server: Server) -> dict[str, Any]:
    """Give what the supervisor is told once it serves."""
    registry = server.lineup.registry
    return {
        "versions": [runner.tag for runner in registry.runners],
        "defaults": {name: registry.default(name).tag for name in registry.names},
    }


async def _say(said: Mapping[str, Any], writer: asyncio.StreamWriter) -> None:
    """Say that it serves, or why it cannot."""
    writer.write(json.dumps(said).encode() + b"\n")
    await writer.drain()


async def _listen(line: Line, server: Server, stop: asyncio.Event) -> None:
    """Make changes with the other workers, and stop at the end of the supervisor."""
    # What this one does alone; what callers ask for, all do.
    here, server.admin.carry_out = server.admin.carry_out, line.ask
    await line.listen(here)
    stop.set()


async def _beat() -> None:
    """Say again and again that it lives, where others read it even while it does not answer."""
    gauge = beat()
    while True:
        gauge.set(time.time())
        await asyncio.sleep(_BEAT_SECONDS)


if __name__ == "__main__":
    raise SystemExit(main())
