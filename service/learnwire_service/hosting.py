"""Hosting: models from the store to a server, in the foreground or beside other work."""

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from .logs import get_logger
from .models import get_learner
from .registry import Registry
from .rpc.server import Server
from .settings import ServerSettings

_log = get_logger()


def serve(tags: Sequence[str], settings: ServerSettings) -> None:
    """Serve models until SIGTERM or SIGINT, then drain.

    Raises:
        LearnwireError: a model is not there or does not load, or the port is taken.
    """
    asyncio.run(_serve(tags, settings))


async def _serve(tags: Sequence[str], settings: ServerSettings) -> None:
    server = Server(registry_of(tags, settings), settings)

    async def come_up() -> None:
        target = await server.start()
        _log.info("listening", target=target)
        await server.load()
        _log.info("serving", target=target, models=list(tags))

    await run(server, come_up(), stopped_by_signals(), settings)


def stopped_by_signals() -> asyncio.Event:
    """Give an event of the running loop that SIGTERM and SIGINT set from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def run(
    server: Server,
    coming_up: Coroutine[Any, Any, None],
    stop: asyncio.Event,
    settings: ServerSettings,
) -> None:
    """Bring a server up, leave it so until it is to stop, and drain it."""
    coming = asyncio.create_task(coming_up)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([coming, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            await coming
        await stopping
        _log.info("draining", seconds=settings.drain_seconds)
    finally:
        coming.cancel()
        await server.stop()


@contextmanager
def serving(*tags: str, **settings: Any) -> Iterator[str]:
    """Serve models in the background of this process, on a free port unless one is given.

    Usage: `with serving("penguins") as target: Client(target).predict("penguins", row)`

    Args:
        tags: the models, as `get` takes them.
        settings: fields of ServerSettings.

    Returns: the target, once all models are SERVING.

    Raises:
        LearnwireError: a model is not there or does not load, or the port is taken.
        ValueError: a setting is out of bounds, or there are to be several workers.
    """
    chosen = ServerSettings(**{"port": 0, "workers": 1, **settings})
    if chosen.workers > 1:
        raise ValueError(
            f"workers: expected 1, since it serves in this process, got {chosen.workers}; "
            "learnwire serve --workers starts others"
        )
    started: Future[str] = Future()
    stopped = threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(_background(tags, chosen, started, stopped))
    )
    thread.start()
    try:
        yield started.result()
    finally:
        stopped.set()
        thread.join()


async def _background(
    tags: Sequence[str], settings: ServerSettings, started: "Future[str]", stopped: threading.Event
) -> None:
    try:
        server = Server(registry_of(tags, settings), settings)
        target = await server.start()
    except BaseException as error:  # noqa: BLE001 - it is raised where `serving` was called
        started.set_exception(error)
        return
    try:
        await server.load()
        started.set_result(target)
        await asyncio.to_thread(stopped.wait)
    except BaseException as error:  # noqa: BLE001 - as above
        started.set_exception(error)
    finally:
        await server.stop()


def registry_of(tags: Sequence[str], settings: ServerSettings) -> Registry:
    """Find the models; they are loaded by the server, or when they are first asked."""
    return Registry(
        [
            get_learner(tag).to_runner(
                max_text_chars=settings.max_text_chars,
                on_mismatch=settings.on_mismatch,
                backend=settings.backend,
                limits=settings.limits,
            )
            for tag in tags
        ]
    )
