"""What a server serves of a remote store: it is fetched before the server serves, and later too.

It comes into a store of the server's own, which all its processes take for the store, and which
is gone with the server. Where the remote store is away, the server goes on with what it has.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from ..common.errors import NotInStore, RemoteFailed
from ..common.logs import get_logger
from ..common.settings import ServerSettings
from ..store.blobs import cache_of_remotes
from ..store.private import PRIVATE_FILE
from ..store.reference import may_be_service
from ..store.staging import inherited
from ..store.store import HOME_VARIABLE, ModelStore
from .fetcher import Errand, Result

_LOOK_SECONDS = 60.0
_COMMAND = (sys.executable, "-P", "-m", f"{__package__}.fetcher")

_log = get_logger()


def fetch(settings: ServerSettings, served: Iterable[str], *, everything: bool) -> None:
    """Fetch what is to be served into a new store, which becomes that of this process.

    Args:
        settings: those of the server.
        served: what is to be served; services are passed over.
        everything: whether the newest version of each model is to come besides.

    Raises:
        NotInStore: the remote store has no such model, or there is none that is meant.
        RemoteFailed: it cannot be reached, or something there cannot be served.
        StoreFailed: it has no room here.
    """
    tags = tuple(one for one in served if not one.removesuffix(":").endswith(".py"))
    order = errand(settings, tags=tags, everything=everything)
    home = inherited(cache_of_remotes() / "homes")
    result = run(order, home)
    for tag, problem in result.lacking.items():
        if not may_be_service(tag):
            raise NotInStore(problem)
    os.environ[HOME_VARIABLE] = str(home)


async def bring(settings: ServerSettings, tag: str) -> None:
    """Fetch one more version; where the remote store has none, or is away, the log says so."""
    await _told(errand(settings, tags=(tag,)), "")


async def follow(
    settings: ServerSettings, names: Sequence[str] | None, kept: Sequence[str]
) -> None:
    """Have this process's store follow the remote one, for ever; of several processes one does it.

    Args:
        settings: those of the server.
        names: the models that are followed; None: all that the remote store has.
        kept: versions that stay for as long as the remote store has them.
    """
    lock = FileLock(ModelStore().home / "following.lock", timeout=0, mode=PRIVATE_FILE)
    order = errand(
        settings,
        tags=tuple(names or ()),
        everything=names is None,
        follows=True,
        kept=tuple(kept),
    )
    told = ""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            with lock:
                told = await _told(order, told)
        except Timeout:
            continue


async def _told(errand: Errand, before: str) -> str:
    """Do an errand; give what went wrong, which the log tells unless it did before."""
    result = await _run_beside(errand)
    problem = "; ".join(filter(None, (result.problem, *result.lacking.values())))
    if problem and problem != before:
        _log.error("not fetched", problem=problem)
    return problem


def errand(
    settings: ServerSettings,
    *,
    tags: tuple[str, ...] = (),
    everything: bool = False,
    follows: bool = False,
    kept: tuple[str, ...] = (),
) -> Errand:
    """Give what is to be fetched; see Errand."""
    return Errand(
        remote=settings.remote,
        cache_bytes=settings.remote_cache * 2**20,
        allow_unpickling=settings.allow_unpickling,
        tags=tags,
        everything=everything,
        follows=follows,
        kept=kept,
        log_format=settings.log_format,
        log_level=settings.log_level,
    )


def run(errand: Errand, home: Path) -> Result:
    """Do an errand for a store while this process waits.

    Raises:
        RemoteFailed: it is not done.
    """
    environment = {**os.environ, HOME_VARIABLE: str(home)}
    pipe = subprocess.PIPE
    with subprocess.Popen(_COMMAND, stdin=pipe, stdout=pipe, env=environment) as process:  # noqa: S603 - ourselves
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101 - as above
        process.stdin.write(_line(errand))
        process.stdin.flush()
        result = _read(process.stdout.read())
    if result.problem:
        raise RemoteFailed(result.problem)
    return result


async def _run_beside(errand: Errand) -> Result:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=pipe, stdout=pipe)
    try:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101 - as above
        process.stdin.write(_line(errand))
        return _read(await process.stdout.read())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _line(errand: Errand) -> bytes:
    return errand.model_dump_json().encode() + b"\n"


def _read(said: bytes) -> Result:
    return Result.model_validate_json(said) if said else Result(problem="the fetching process died")
