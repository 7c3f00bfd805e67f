"""The command that shows what servers do, live."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from ..common.defaults import TARGET, TARGET_VARIABLE
from .commands import checked_target
from .connecting import Connection, connects

if TYPE_CHECKING:
    from learnwire_client import ChannelOptions
    from rich.console import Console

    from .watched import Watched

    Looks = AsyncIterator[list[Watched]]

app = typer.Typer()

# Who says nothing for so many seconds is down.
_PATIENCE = 2.0
_WIDE = 160


def _checked_targets(targets: list[str] | None) -> list[str]:
    for one in targets or []:
        checked_target(one)
    return targets or [TARGET]


@app.command(short_help="Show what servers do, each second anew.")
@connects
def top(
    connection: Connection,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...",
            envvar=TARGET_VARIABLE,
            callback=_checked_targets,
            help="the servers' host:port",
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="show what happens within one interval, and end")
    ] = False,
    interval: Annotated[
        float, typer.Option(min=0.2, max=3600, help="seconds between two looks")
    ] = 1,
) -> None:
    """Show what servers do, each second anew: calls, latencies, queues, batches, memory.

    \b
    learnwire top
    learnwire top server-1:50051 server-2:50051 --token-file token

    All figures are of the last interval; learnwire stats tells those since the start. A server that
    does not answer is down until it is back. Ctrl-C ends it.

    Exit codes: 0 all is fine; 1 with --once, where a server tells nothing; 2 wrong usage.
    """  # noqa: D301 - a backspace, before lines that are to stay as they are
    from rich.console import Console

    options = {one: connection.options(one) for one in dict.fromkeys(targets or [])}
    console = Console()
    if not console.is_terminal:  # which has no width to keep to
        console.width = _WIDE
    looks = _looks(options, interval)
    is_live = console.is_terminal and not once
    with suppress(KeyboardInterrupt):
        asyncio.run(_live(console, looks) if is_live else _print(console, looks, once))


async def _live(console: "Console", looks: "Looks") -> None:
    """Show a table until it is interrupted."""
    from rich.live import Live

    from .top_table import page

    with Live(console=console, auto_refresh=False, screen=True) as live:
        async for servers in looks:
            live.update(page(servers, console.width), refresh=True)


async def _print(console: "Console", looks: "Looks", once: bool) -> None:
    """Print a table for each interval, or for one.

    Raises:
        typer.Exit: once, and a server told nothing.
    """
    from .top_table import page

    await anext(looks)
    async for servers in looks:
        console.print(page(servers, console.width))
        if once:
            raise typer.Exit(not all(one.now for one in servers))


async def _looks(options: "Mapping[str, ChannelOptions]", interval: float) -> "Looks":
    """Look at servers again and again, at all at the same time."""
    from learnwire_client import AsyncClient

    from .watched import Watched

    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        servers = []
        for target, its in options.items():
            client = AsyncClient(target, timeout=_PATIENCE, options=its)
            servers.append(Watched(target, await stack.enter_async_context(client)))
        while True:
            due = loop.time() + interval
            await asyncio.gather(*(one.look() for one in servers))
            yield servers
            await asyncio.sleep(max(0, due - loop.time()))
