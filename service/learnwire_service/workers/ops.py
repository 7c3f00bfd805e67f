"""The port for those who operate a server: probes, and metrics for Prometheus.

The supervisor answers here, from what the workers have left for it to read: whatever they do.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..common.http import NO_PASSWORD, HttpServer, renew
from ..common.logs import get_logger
from ..observe.states import ready_models
from .metrics import registry_of
from .plan import Plan

if TYPE_CHECKING:
    from .supervisor import Supervisor

# A worker that was heard within so many seconds lives: whoever is busy may be silent for a while.
_SILENT_SECONDS = 60.0
# A connection ends after so long: those that say nothing would take the files of others.
_CONNECTION_SECONDS = 30.0
# Gives 200, or the HTTP status that refuses a request with these headers: for a model, or for all.
Allowed = Callable[[Headers, str | None], Awaitable[int]]

_log = get_logger()


@asynccontextmanager
async def answering(
    supervisor: "Supervisor", plan: Plan, sockets: list[socket.socket]
) -> AsyncIterator[None]:
    """Answer on sockets that listen, meanwhile; over TLS where the server speaks it.

    Args:
        supervisor: whose workers are told of.
        plan: says who sees the metrics, and which models there are; the rest is for everybody.
        sockets: they are closed at the end.

    Raises:
        LearnwireError: who may see them does not read.
    """
    certificate, key = plan.certificate or (None, None)
    config = uvicorn.Config(
        app_of(supervisor, _allowed(plan)),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_keyfile_password=NO_PASSWORD,
        http=_Brief,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    host, port, *_ = sockets[0].getsockname()
    _log.info("ops listening", target=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    tasks = [asyncio.create_task(HttpServer(config).serve(sockets))]
    if plan.certificate:
        tasks.append(asyncio.create_task(renew(config, plan.certificate, "ops")))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def app_of(supervisor: "Supervisor", allowed: Allowed) -> Starlette:
    """Make what answers."""
    registry = registry_of(supervisor)

    async def livez(request: Request) -> Response:
        if (silent := supervisor.silent_seconds) > _SILENT_SECONDS:
            return _said(503, f"no worker has been heard for {silent:.0f} s")
        return _said(200, "live")

    async def readyz(request: Request) -> Response:
        model = request.query_params.get("model")
        if model is not None and (status := await allowed(request.headers, model)) != 200:
            return _refused(status)
        if supervisor.ends:
            return _said(503, "draining")
        if model is None:
            return _said(200, "ready") if supervisor.serves else _said(503, "loading")
        ready = ready_models(supervisor.folder)
        if model not in ready:
            return _said(404, "no such model is served here")
        return _said(200, "ready") if ready[model] else _said(503, "loading")

    async def metrics(request: Request) -> Response:
        if (status := await allowed(request.headers, None)) != 200:
            return _refused(status)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return Starlette(routes=[Route(f"/{one.__name__}", one) for one in (livez, readyz, metrics)])


def _allowed(plan: Plan) -> Allowed:
    if plan.is_guarded:
        from .readers import Readers

        return Readers(plan.order).status

    async def everybody(headers: Headers, model: str | None) -> int:
        return 200

    return everybody


class _Brief(H11Protocol):
    """A connection that ends, whatever its client does."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """See asyncio."""
        super().connection_made(transport)
        self.loop.call_later(_CONNECTION_SECONDS, transport.abort)


def _said(status: int, what: str) -> Response:
    return PlainTextResponse(f"{what}\n", status)


def _refused(status: int) -> Response:
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return PlainTextResponse("not allowed\n", status, headers)
