"""Serving for development: another process serves, anew whenever a file of the services changes."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from threading import Event

from ..common.errors import ServiceNotFound
from ..common.logs import get_logger
from ..common.settings import ENVIRONMENT_PREFIX, ServerSettings
from ..common.settings_file import VARIABLE
from ..common.signals import rereading, stopping
from ..store.reference import Reference, find

# How long calls may take while their server ends, who develops it waits; and what it takes besides.
_MOST_SECONDS, _MORE_SECONDS = 5.0, 10.0

_log = get_logger()


def serve_and_reload(
    served: Sequence[str], settings: ServerSettings, config: Path | None = None
) -> None:
    """Serve models and services until SIGTERM or SIGINT, anew when a Python file changes.

    A server that is replaced, or ended, answers what is in flight for five seconds at most.

    The folders of services' files are watched, and those of their packages. A service that
    does not start is tried again at the next change.

    Args:
        served: as for `serve`; there is a service among them.
        settings: how.
        config: the file that has those of models, if it is not found by itself.

    Raises:
        ServiceNotFound: there is no service.
        LearnwireError: something is not there.
    """
    from watchfiles import PythonFilter, watch

    folders = _folders(served)
    drain = min(settings.drain_seconds, _MOST_SECONDS)
    settings = settings.model_copy(update={"drain_seconds": drain})
    stop = Event()
    for number in stopping():
        signal.signal(number, lambda *_: stop.set())
    server = _start(served, settings, config)
    for number in rereading():
        signal.signal(number, lambda number, _: server.send_signal(number))
    try:
        changes = watch(
            *folders, watch_filter=PythonFilter(), stop_event=stop, raise_interrupt=False
        )
        for changed in changes:
            _log.info("reloading", files=sorted({Path(path).name for _, path in changed}))
            _end(server, drain + _MORE_SECONDS)
            server = _start(served, settings, config)
    finally:
        _end(server, drain + _MORE_SECONDS)


def _folders(served: Sequence[str]) -> set[Path]:
    references = [one for one in map(find, served) if isinstance(one, Reference)]
    if not references:
        raise ServiceNotFound(
            f"--reload watches the files of services, and there is none among {', '.join(served)}"
        )
    return set(map(_folder, references))


def _folder(reference: Reference) -> Path:
    """Give the folder of a file, or what is searched for a module: this one, or its package."""
    if reference.is_file:
        path = Path(reference.place).resolve()
        if not path.is_file():
            raise ServiceNotFound(f"there is no file {reference.place}")
        return path.parent
    here = Path.cwd()
    outermost = reference.place.partition(".")[0]
    spec = PathFinder.find_spec(outermost, [str(here), *sys.path])
    assert spec is not None  # noqa: S101 - else it would be no reference
    places = spec.submodule_search_locations or [str(Path(spec.origin or here).parent)]
    found = Path(next(iter(places))).resolve()
    return here if found.is_relative_to(here) else found


def _start(
    served: Sequence[str], settings: ServerSettings, config: Path | None
) -> "subprocess.Popen[bytes]":
    no_port = {"port"} if settings.is_unix else set()
    said = settings.model_dump(exclude_none=True, exclude={"models", *no_port})
    environment = {f"{ENVIRONMENT_PREFIX}{name.upper()}": str(one) for name, one in said.items()}
    if config is not None:
        environment[VARIABLE] = str(config)
    command = [sys.executable, "-m", "learnwire_service", "serve", *served]
    return subprocess.Popen(command, env={**os.environ, **environment})  # noqa: S603 - ourselves


def _end(server: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Have a server drain, and end it when that takes longer."""
    server.terminate()
    try:
        server.wait(seconds)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
