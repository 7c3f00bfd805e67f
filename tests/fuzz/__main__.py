"""Fuzzes a server of one model of each kind, and of endpoints, and besieges its HTTP port.

Usage: `python -m tests.fuzz --count 1000000 --connections 100000 --minutes 4 --seed 1`

Ends with 1 where the server did what it must not do; what is told then makes it do so again.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.control import controlled
from tests.watched import PATIENT, Held, Watched, watched

from . import web, wire
from .corpus import corpus
from .models import saved
from .rest import Requests
from .run import Breaks, Progress, send_connections, send_messages
from .sieges import EACH, besiege

# What is told may look like markup.
_say = Console(markup=False, highlight=False, soft_wrap=True).print
_HOME = Path(__file__).parents[2] / ".cache" / "fuzz"
# The first part of a run fills caches, the allocator's too; what is held after it stays.
_WARM_UP = 5
_MORE_BYTES = 0.05
# The pool of gRPC's threads breathes.
_MORE_FILES, _MORE_THREADS = 5, 15
_TOLD_EVERY = 10.0

Send = Callable[[int, int, Progress], Coroutine[Any, Any, list[str]]]


def main() -> int:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="mutated messages")
    parser.add_argument("--connections", type=int, default=100_000, help="broken connections")
    parser.add_argument("--minutes", type=float, default=4, help="of callers who hold on to HTTP")
    parser.add_argument("--seed", type=int, default=1)
    only = "call no methods, and open no kinds of connections, but those with this in their names"
    parser.add_argument("--only", default="", help=only)
    chosen = parser.parse_args()
    items = saved(_HOME)
    faults: list[str] = []
    served = *items, "tests/fuzz/endpoints.py:svc", "--http-port", "0"
    with watched(*served, *PATIENT) as server:
        _say(f"{server.target}: {server.held()}")
        found = corpus(server.target, items).only(chosen.only)
        _say(f"{len(found.methods)} methods, {len(found.words)} words, seed {chosen.seed}")
        with controlled(server.target, items) as control:
            faults += _part(
                server,
                "messages",
                chosen.count,
                lambda seed, count, progress: send_messages(
                    server.target, found, seed, count, progress
                ),
                chosen.seed,
            )
            for name, target, breaks in (
                ("connections", server.target, wire),
                ("connections of HTTP/1.1", server.http_target, web),
                ("requests of tensors over HTTP", server.http_target, Requests(items)),
            ):
                if chosen.only in name:
                    send = partial(_connections, target, breaks)
                    faults += _part(server, name, chosen.connections, send, chosen.seed)
            if chosen.minutes:
                faults += _besieged(server, chosen.minutes * 60)
        _say(
            f"control: {control.calls} right answers, the longest after {control.longest:.2f} s, "
            f"{control.refused} calls refused"
        )
        faults += [f"control: {one}" for one in control.faults]
        if code := server.ended():
            faults.append(f"the server ended with {code}")
        faults += [f"log: {one}" for one in server.faults]
    for one in faults:
        _say(one)
    _say(f"{len(faults)} faults")
    return 1 if faults else 0


def _connections(
    target: str, breaks: Breaks, seed: int, count: int, progress: Progress
) -> Coroutine[Any, Any, list[str]]:
    return send_connections(target, seed, count, progress, breaks=breaks)


def _part(server: Watched, name: str, count: int, send: Send, seed: int) -> list[str]:
    """Warm up with a part of what is to be sent, send the rest, and compare what is held."""
    faults = asyncio.run(send(seed - 1, count // _WARM_UP, _told(f"{name}, warming up")))
    before = server.held()
    begin = time.monotonic()
    faults += asyncio.run(send(seed, count, _told(name)))
    seconds = time.monotonic() - begin
    after = server.settled(lambda held: not _grown(before, held))
    _say(f"{count} {name} in {seconds:.0f} s; before: {before}; after: {after}")
    return faults + _grown(before, after)


def _besieged(server: Watched, seconds: float) -> list[str]:
    """Have hundreds of callers hold on to the HTTP port, and compare what is held."""

    async def hold(seed: int, count: int, progress: Progress) -> list[str]:
        found, told = await besiege(server.http_target, count, EACH)
        _say(f"  {told}")
        return found

    return _part(server, "seconds of siege", int(seconds), hold, 0)


def _grown(before: Held, after: Held) -> list[str]:
    grown = []
    if after.resident > before.resident * (1 + _MORE_BYTES):
        grown.append(f"memory grew: {before} before, {after} after")
    if after.files > before.files + _MORE_FILES:
        grown.append(f"files stay open: {before} before, {after} after")
    if after.threads > before.threads + _MORE_THREADS:
        grown.append(f"threads stay: {before} before, {after} after")
    return grown


def _told(name: str) -> Progress:
    last = time.monotonic()

    def tell(done: int) -> None:
        nonlocal last
        if time.monotonic() - last > _TOLD_EVERY:
            last = time.monotonic()
            _say(f"  {name}: {done}")

    return tell


if __name__ == "__main__":
    sys.exit(main())
