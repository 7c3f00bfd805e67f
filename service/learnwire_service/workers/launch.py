"""The start of a server: its ports are held, its first worker begins, its supervisor takes over."""

import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import NoReturn

from ..common.logs import get_logger
from ..common.ports import beside
from ..common.settings import ServerSettings
from ..common.signals import obeyed
from ..common.threads import THREADS, cores, threads_each
from ..hosting.splitting import divided, first_default
from ..hosting.watching import followed
from ..observe.memory import SHARED_FOLDER
from ..store.manifest import Manifest
from ..store.reference import Reference, find
from ..store.store import ModelStore
from .order import Order
from .plan import Plan
from .port import held, listening, port_of

_STDIN = 0
_TIMEOUT = "model_timeout"

_log = get_logger()


def launch(
    served: Sequence[str],
    settings: ServerSettings,
    config: Path | None = None,
    *,
    everything: bool = False,
) -> NoReturn:
    """Serve until SIGTERM or SIGINT, then drain; this process becomes the supervisor.

    Args:
        served: models as `get` takes them, services as `service.py:svc` or `package.module:svc`.
        settings: how.
        config: the file that has some of them, if it is not found by itself.
        everything: whether that is all that the store holds, and is to stay so where it is watched.

    Raises:
        LearnwireError: one of them is not there, or a port is taken.
        SystemExit: in the first worker, at its end.
    """
    # All workers serve one version, also one that is started when there is a newer one.
    found = tuple(map(_whole, served))
    manifests = _manifests(found)
    settings = divided(settings, manifests)
    with ExitStack() as opened:
        holders: list[socket.socket] = []
        if not settings.is_unix:
            holders = opened.enter_context(held(settings))
            settings = settings.model_copy(update={"port": port_of(holders)})
        if settings.http_port is not None:
            web = opened.enter_context(held(beside(settings, settings.http_port), "--http-port"))
            settings = settings.model_copy(update={"http_port": port_of(web)})
            holders = [*holders, *web]
        ops = opened.enter_context(listening(settings))
        folder = _share(settings.workers)
        order = Order(
            served=found,
            defaults=_defaults(manifests, settings),
            watches=settings.watch,
            follows=None if everything else tuple(followed(served)),
            settings=settings,
            config=config,
        ).line()
        # Until somebody listens to them.
        signal.pthread_sigmask(signal.SIG_BLOCK, obeyed())
        pid, line = _fork(order)
        plan = Plan(
            order=order.decode(),
            workers=settings.workers,
            first=(pid, line),
            ops=_handed_over(ops),
            holders=_handed_over(holders),
            target=settings.target(settings.port),
            shares_port=not settings.is_unix,
            models=found,
            drain_seconds=settings.drain_seconds,
            patience=_patience(settings),
            load_seconds=settings.load_timeout,
            is_guarded=settings.asks_who_calls,
            certificate=_certificate(settings),
            home=str(ModelStore().home) if settings.remote else "",
            log_format=settings.log_format,
            log_level=settings.log_level,
        )
        plan.write(folder)
        # A fresh interpreter is small: it has imported nothing of what workers and commands need.
        command = (sys.executable, "-P", "-m", f"{__package__}.supervisor", str(folder))
        path = os.pathsep.join(filter(None, sys.path))
        os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})  # noqa: S606


def _patience(settings: ServerSettings) -> float:
    """Give how long any model may keep a worker from saying that it lives; 0: for ever."""
    own = [
        one.model_timeout for one in settings.models.values() if _TIMEOUT in one.model_fields_set
    ]
    timeouts = [settings.model_timeout, *own]
    return max(timeouts) if all(timeouts) else 0.0


def _certificate(settings: ServerSettings) -> tuple[str, str] | None:
    if settings.tls_cert is None:
        return None
    return str(settings.tls_cert.absolute()), str(settings.tls_key.absolute())  # type: ignore[union-attr]  # both or neither


def _handed_over(sockets: list[socket.socket]) -> tuple[int, ...]:
    for one in sockets:
        one.set_inheritable(True)
    return tuple(one.fileno() for one in sockets)


def _whole(served: str) -> str:
    found = find(served)
    return str(found if isinstance(found, Reference) else found.manifest.tag)


def _manifests(served: Sequence[str]) -> list[Manifest]:
    """Give those of the models, newest first."""
    versions = [one for one in map(find, served) if not isinstance(one, Reference)]
    found = [one.manifest for one in versions if isinstance(one.manifest, Manifest)]
    return sorted(found, key=lambda one: one.created, reverse=True)


def _defaults(manifests: Sequence[Manifest], settings: ServerSettings) -> dict[str, str]:
    """Give the first default of each model: it stays so when newer versions are loaded."""
    names = {one.name for one in manifests}
    versions = {name: [one for one in manifests if one.name == name] for name in names}
    return {name: str(first_default(own, settings).tag) for name, own in versions.items()}


def _share(workers: int) -> Path:
    """Share the cores among the workers, where the user has not; give where they count together."""
    found = cores()
    threads = os.environ.setdefault(THREADS, str(threads_each(workers, found)))
    _log.info("starting", workers=workers, threads_each=threads, cores=found)
    if workers > found:
        _log.warning(f"{workers} workers share {found} cores: fewer may be faster")
    folder = mkdtemp(prefix="learnwire-")
    os.environ[SHARED_FOLDER] = folder
    return Path(folder)


def _fork(order: bytes) -> tuple[int, int]:
    """Begin the first worker; later ones are fresh interpreters, but this one is ready to work.

    Returns: its number, and what it is talked to with.

    Raises:
        SystemExit: in the worker.
    """
    near, far = socket.socketpair()
    if pid := os.fork():
        far.close()
        # A long one fits only while it is read; who has ended is noticed later.
        with suppress(ConnectionError):
            near.sendall(order)
        near.set_inheritable(True)
        return pid, near.detach()
    near.close()
    # Ctrl-C is the supervisor's: it has calls in flight answered first.
    os.setpgid(0, 0)
    os.dup2(far.fileno(), _STDIN)
    far.close()
    from .worker import main

    raise SystemExit(main())
