"""HTTP servers beside others in one process: no signals of their own, certificates that change."""

import asyncio
import logging
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from .logs import get_logger

# How often files of certificates are looked at.
_LOOK_SECONDS = 2.0
# A key that is locked is refused; without a password OpenSSL would ask for it on the terminal.
NO_PASSWORD = "-"  # noqa: S105 - it is none

_log = get_logger()

# What strangers send that is no HTTP would fill the log.
logging.getLogger("uvicorn.error").addFilter(lambda record: record.levelno >= logging.ERROR)
# So would each of those who leave while they are answered.
logging.getLogger("asyncio").addFilter(lambda record: "socket.send()" not in record.getMessage())


class HttpServer(uvicorn.Server):
    """Leaves the signals to others."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn."""
        yield


async def renew(
    config: uvicorn.Config, certificate: tuple[str, str], which: str, roots: str | None = None
) -> None:
    """Show new connections what the files hold, a few seconds after they change.

    Args:
        config: of the server.
        certificate: the files of its certificate and key.
        which: server it is, for the log.
        roots: the file of its clients' roots; those that are no longer in it stay.
    """
    files = (*certificate, *([roots] if roots else []))
    seen = _state(files)
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if config.ssl is None or (state := _state(files)) == seen:
            continue
        seen = state
        try:
            # What fails half-way leaves a context without a key, so another one tries it.
            for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), config.ssl):
                context.load_cert_chain(*certificate, password=NO_PASSWORD)
                if roots:
                    context.load_verify_locations(roots)
        except (OSError, ValueError) as error:
            _log.error(f"{which}: certificates not renewed", problem=str(error))


def _state(files: tuple[str, ...]) -> list[object]:
    return [_changed(one) for one in files]


def _changed(file: str) -> int | None:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return None
