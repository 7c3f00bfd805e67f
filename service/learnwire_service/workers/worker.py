"""A worker: serves on a port that it shares, for as long as its supervisor lives."""

import asyncio
import os
import socket

from ..common import logs
from ..common.errors import LearnwireError
from ..common.open_files import raise_limit
from ..hosting.serving import found, run, server_of, stopped_by_signals
from .order import Order, say

_STDIN = 0


def main() -> int:
    """Work until the supervisor closes the socket, or until SIGTERM; give the exit code."""
    return asyncio.run(_work())


async def _work() -> int:
    line = socket.socket(fileno=_STDIN)
    reader, writer = await asyncio.open_unix_connection(sock=line)
    if not (ordered := await reader.readline()):
        return 0
    order = Order.model_validate_json(ordered)
    logs.configure(order.settings.log_format, worker=os.getpid())
    stop = stopped_by_signals()
    watching = asyncio.create_task(_watch(reader, stop))
    try:
        await _serve(order, writer, stop)
    except LearnwireError as error:
        writer.write(say(str(error)))
        await writer.drain()
        return 1
    finally:
        watching.cancel()
    return 0


async def _serve(order: Order, writer: asyncio.StreamWriter, stop: asyncio.Event) -> None:
    raise_limit()
    server = server_of(found(order.served), order.settings, shares_port=True)

    async def come_up() -> None:
        # Only then does it listen: nobody is to be connected to a worker that cannot answer.
        await server.load()
        await server.start()
        writer.write(say(None))

    await run(server, come_up(), stop, order.settings)


async def _watch(reader: asyncio.StreamReader, stop: asyncio.Event) -> None:
    """Stop at the end of the supervisor, who says no more than his order."""
    await reader.read()
    stop.set()


if __name__ == "__main__":
    raise SystemExit(main())
