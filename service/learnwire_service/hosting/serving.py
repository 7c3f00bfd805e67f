"""Hosting: models from the store to a server, until it is told to stop or beside other work."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from ..common.errors import ToolMissing
from ..common.extras import needed_by
from ..common.logs import get_logger
from ..common.mib import MIB
from ..common.settings import ServerSettings
from ..common.signals import obeyed, rereading, stopping
from ..common.stages import stages
from ..models.model import Model, get
from ..rpc.server import Server
from ..runners.budget import Budget
from ..runners.learner import LearnerRunner
from ..runners.registry import Registry
from ..services.endpoints.directory import Directory
from ..services.endpoints.service import Service
from ..store.reference import Reference, find
from ..torch_models.model import TorchModel
from ..torch_models.service import service_of
from . import leaving
from .changing import Changes
from .importing import import_service
from .splitting import divided
from .watching import follow, followed

# For what is still to be done after the drain, such as the functions of on_shutdown.
_MORE_SECONDS = 5.0

_T = TypeVar("_T")

_log = get_logger()


Served = str | Service


def stopped_by_signals(hung_up: Callable[[], None]) -> asyncio.Event:
    """Give an event of the running loop that SIGTERM and SIGINT set from now on.

    A second one of them ends the process at once.

    Args:
        hung_up: is called at SIGHUP.
    """
    stop = asyncio.Event()

    def told() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in stopping():
        loop.add_signal_handler(number, told)
    for number in rereading():
        loop.add_signal_handler(number, hung_up)
    # They may have been held back until now.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, obeyed())
    return stop


async def run(
    server: Server,
    coming_up: Coroutine[Any, Any, None],
    stop: asyncio.Event,
    settings: ServerSettings,
) -> bool:
    """Bring a server up, leave it so until it is to stop, and drain it.

    The process ends soon afterwards, whatever users' code still does; and at once where gRPC
    ends the server by itself, so that it is replaced.

    Returns: whether it came up before it was to stop; if not, a thread may still load.
    """
    coming = asyncio.create_task(coming_up)
    stopping = asyncio.create_task(stop.wait())
    watching = asyncio.create_task(_leave_when_lost(server, stop))
    try:
        await asyncio.wait([coming, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            return False
        await coming
        await stopping
        _log.info("draining", calls=server.in_flight, seconds=settings.drain_seconds)
        _leave_within(settings.drain_seconds + _MORE_SECONDS)
        return True
    finally:
        coming.cancel()
        watching.cancel()
        await server.stop()


async def _leave_when_lost(server: Server, stop: asyncio.Event) -> None:
    await server.lost()
    if not stop.is_set():
        _log.error("gRPC ended the server")
        os._exit(1)


def _leave_within(seconds: float) -> None:
    """End the process after some seconds: users' coroutines and threads may never end."""

    def leave() -> None:
        _log.error("left what does not end", seconds=seconds)
        os._exit(1)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


@contextmanager
def serving(*served: Served, **settings: Any) -> Iterator[str]:
    """Serve models and services in the background of this process.

    The port is a free one unless one is given.

    Usage: `with serving("penguins") as target: Client(target).predict("penguins", row)`

    Args:
        served: models as `get` takes them; services, or where they are, as
            `service.py:svc` or `package.module:svc`.
        settings: fields of ServerSettings.

    Returns: the target, once all models and services are SERVING.

    Raises:
        LearnwireError: one of them is not there or does not load or start, or the port is taken.
        ValueError: a setting is out of bounds, or there are to be several workers.
    """
    chosen = ServerSettings(**{"workers": 1, **settings})
    if "port" not in settings and not chosen.is_unix:
        chosen = chosen.model_copy(update={"port": 0})
    if chosen.workers > 1:
        raise ValueError(
            f"workers: expected 1, since it serves in this process, got {chosen.workers}; "
            "learnwire serve --workers starts others"
        )
    if chosen.remote:
        raise ValueError(
            "remote: learnwire serve fetches models; here pull_model(tag, remote) does, before"
        )
    there = found(served)
    chosen = divided(chosen, [one.manifest for one in there if isinstance(one, Model)])
    names = followed([one for one in served if isinstance(one, str)]) if chosen.watch else []
    watching: list[asyncio.Task[None]] = []

    async def come_up(server: Server) -> str:
        target = await server.start()
        with stages(server.to_load) as stage:
            await server.load(lambda name: stage(name, "loading it"))
        if names:
            follows = follow(server.lineup, server.admin.carry_out, names)
            watching.append(asyncio.create_task(follows))
        return target

    with beside(lambda: server_of(there, chosen), come_up, chosen) as target:
        yield target


@contextmanager
def beside(
    make: Callable[[], Server],
    come_up: Callable[[Server], Coroutine[Any, Any, _T]],
    settings: ServerSettings,
) -> Iterator[_T]:
    """Have a server in an event loop and a thread of its own.

    Args:
        make: makes it, in that event loop.
        come_up: brings it up; what it gives is given.
        settings: how long it has to end.
    """
    started: Future[_T] = Future()
    stopped = threading.Event()

    async def live() -> None:
        server = None
        try:
            server = make()
            started.set_result(await come_up(server))
            await asyncio.to_thread(stopped.wait)
        except BaseException as error:  # noqa: BLE001 - it is raised where this was called
            started.set_exception(error)
        finally:
            if server is not None:
                await leaving.within(settings.drain_seconds + _MORE_SECONDS, server.stop())

    thread = threading.Thread(target=lambda: leaving.run(live()))
    thread.start()
    try:
        yield started.result()
    finally:
        stopped.set()
        thread.join()


def found(served: Sequence[Served]) -> list[Model | Service]:
    """Find what is to be served; users' modules are imported.

    Raises:
        LearnwireError: one of them is not there, or a module raises.
    """
    return [_found(one) if isinstance(one, str) else one for one in served]


def _found(served: str) -> Model | Service:
    there = find(served)
    if isinstance(there, Reference):
        return import_service(there)
    model = get(str(there.manifest.tag))
    return service_of(model) if isinstance(model, TorchModel) else model


def server_of(
    found: Sequence[Model | Service], settings: ServerSettings, *, shares_port: bool = False
) -> Server:
    """Make a server, on the running event loop; it has yet to load what it serves.

    A model that services have runners of is answered by the first of those.

    Raises:
        LearnwireError: they cannot be served together.
    """
    services = [one for one in found if isinstance(one, Service)]
    directory = Directory(services, settings)
    first: dict[str, LearnerRunner] = {}
    for runner in directory.runners:
        if isinstance(runner, LearnerRunner):
            first.setdefault(runner.tag, runner)
    models = [one for one in found if isinstance(one, Model) and one.tag not in first]
    budget = _budget(settings)
    own = [model.to_runner() for model in models]
    for runner in own:
        runner.keep_within(budget)
    registry = Registry([*first.values(), *own], settings.shares)
    server = _server_class(settings)(registry, settings, directory, shares_port=shares_port)
    if server.pressure is not None:
        server.pressure.budget = budget
    server.admin.carry_out = Changes(server.lineup, budget, settings.load_timeout).carry_out
    return server


def _budget(settings: ServerSettings) -> Budget | None:
    """Give what the models of this process may take, a worker's share; None: any memory."""
    if settings.memory_budget is None:
        return None
    return Budget(settings.memory_budget * MIB // settings.workers, settings.load_timeout)


def _server_class(settings: ServerSettings) -> type[Server]:
    if settings.http_port is None:
        return Server
    # What it stands on is in an extra.
    with needed_by("--http-port", ToolMissing):
        from ..web.server import WebServer
    return WebServer
