"""The HTTP port: listens, answers, and drains."""

import asyncio
import socket
import ssl
from contextlib import ExitStack

import uvicorn

from ..common.http import NO_PASSWORD, HttpServer, renew
from ..common.open_files import connections_allowed
from ..common.ports import beside, check_private, listener, on_each
from ..common.settings import ServerSettings
from ..rpc.server import Server
from .app import app_of
from .connection import HEAD_SECONDS, Connection

# gRPC's callers keep the other places.
_SHARE = 4
# For answers to be written, once all calls are over.
_END_SECONDS = 1.0


class Port:
    """Answers HTTP, on the running event loop.

    Args:
        server: the gRPC server, whose handlers answer.
        settings: where it listens, and what it accepts.
        shares_port: whether other processes listen on the same port.
    """

    def __init__(self, server: Server, settings: ServerSettings, *, shares_port: bool) -> None:
        self._settings = beside(settings, settings.http_port)
        self._shares_port = shares_port
        self._config = _config(server, settings)
        self._server = HttpServer(self._config)
        self._sockets = ExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> str:
        """Listen; give where, as a URL.

        Raises:
            CannotListen: the port is in use, or the address is not this machine's, or others would
                reach it who are not meant to.
        """
        settings = self._settings
        if settings.tls_cert is None:
            check_private(settings)

        def make(family: int, address: tuple[object, ...]) -> socket.socket:
            return listener(family, address, shares=self._shares_port)

        found = self._sockets.enter_context(on_each(settings, make, "--http-port"))
        self._tasks.append(asyncio.create_task(self._server.serve(found)))
        if settings.tls_cert and settings.tls_key:
            certificate = str(settings.tls_cert), str(settings.tls_key)
            roots = str(settings.tls_client_ca) if settings.tls_client_ca else None
            renewing = renew(self._config, certificate, "http", roots)
            self._tasks.append(asyncio.create_task(renewing))
        scheme = "http" if settings.tls_cert is None else "https"
        port: int = found[0].getsockname()[1]
        return f"{scheme}://{settings.target(port)}"

    def close(self) -> None:
        """Take no more calls."""
        self._server.should_exit = True

    async def ended(self) -> None:
        """Wait until answers are written, for a moment, and end what goes on for ever."""
        if not self._tasks:
            return
        serving, *others = self._tasks
        await asyncio.wait([serving], timeout=_END_SECONDS)
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        for one in others:
            one.cancel()
        await asyncio.wait([serving])
        self._sockets.close()


def _config(server: Server, settings: ServerSettings) -> uvicorn.Config:
    room = max(1, connections_allowed() // _SHARE)
    bounds = {"most": room, "most_head_bytes": settings.max_header_kib * 1024}
    roots = settings.tls_client_ca
    return uvicorn.Config(
        app_of(server, settings),
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        ssl_keyfile_password=NO_PASSWORD,
        ssl_ca_certs=None if roots is None else str(roots),
        ssl_cert_reqs=ssl.CERT_NONE if roots is None else ssl.CERT_REQUIRED,
        http=type("Connection", (Connection,), bounds),
        timeout_keep_alive=int(HEAD_SECONDS),
        timeout_graceful_shutdown=int(settings.drain_seconds),
        proxy_headers=False,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
