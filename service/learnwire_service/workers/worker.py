"""A worker: serves on a port that it shares, for as long as its supervisor lives."""

import asyncio
import itertools
import json
import os
import shutil
import socket
import time

from ..common import logs
from ..common.errors import LearnwireError
from ..common.extras import needed_for
from ..common.open_files import raise_limit
from ..hosting.rereading import Rereading
from ..hosting.serving import found, run, server_of, stopped_by_signals
from ..observe import tracing
from ..observe.memory import SHARED_FOLDER
from ..observe.states import beat
from ..rpc.server import Server
from .order import Order

_STDIN = 0
_BEAT_SECONDS = 1.0

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
    line = socket.socket(fileno=_STDIN)
    reader, writer = await asyncio.open_unix_connection(sock=line)
    if not (ordered := await reader.readline()):
        return 0
    order = Order.model_validate_json(ordered)
    facts = {"worker": os.getpid()} if order.settings.workers > 1 else {}
    logs.configure(order.settings.log_format, order.settings.log_level, **facts)
    rereading = asyncio.Event()
    stop = stopped_by_signals(rereading.set)
    besides = [asyncio.create_task(one) for one in (_watch(reader, stop), _beat())]
    problem = None
    try:
        tracing.begin()
        if not await _serve(order, writer, stop, rereading):
            # The thread that loads would be waited for.
            _clear(supervisor)
            os._exit(0)
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
        await _say(problem, writer)
    return 0 if problem is None else 1


async def _serve(
    order: Order, writer: asyncio.StreamWriter, stop: asyncio.Event, rereading: asyncio.Event
) -> bool:
    """Serve until it is to stop; tell whether it came up before."""
    raise_limit()
    settings = order.settings
    server = server_of(found(order.served), settings, shares_port=not settings.is_unix)

    async def listen() -> None:
        _log.info("listening", target=await server.start())

    async def load() -> None:
        number, models = itertools.count(1), server.to_load
        await server.load(
            lambda name: _log.info("loading", model=name, number=next(number), of=models)
        )

    async def come_up() -> None:
        # One among several listens last: nobody is to be connected to one that cannot answer.
        for step in (load, listen) if settings.workers > 1 else (listen, load):
            await step()
        await _say(None, writer)

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


async def _say(problem: str | None, writer: asyncio.StreamWriter) -> None:
    """Say why it cannot serve, or that it does: None."""
    writer.write(json.dumps(problem).encode() + b"\n")
    await writer.drain()


async def _watch(reader: asyncio.StreamReader, stop: asyncio.Event) -> None:
    """Stop at the end of the supervisor, who says no more than his order."""
    await reader.read()
    stop.set()


async def _beat() -> None:
    """Say again and again that it lives, where others read it even while it does not answer."""
    gauge = beat()
    while True:
        gauge.set(time.time())
        await asyncio.sleep(_BEAT_SECONDS)


if __name__ == "__main__":
    raise SystemExit(main())
