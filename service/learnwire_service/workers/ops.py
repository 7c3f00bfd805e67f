"""The port for those who operate a server: probes, and metrics for Prometheus.

The supervisor answers here, from what the workers have left for it to read: whatever they do.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ..common.logs import get_logger
from ..observe.states import last_heard, ready_models
from .metrics import registry_of

if TYPE_CHECKING:
    from .supervisor import Supervisor

# A worker that was heard within so many seconds lives: whoever is busy may be silent for a while.
_SILENT_SECONDS = 60.0

# Gives 200, or the HTTP status that refuses a request with these headers.
Allowed = Callable[[Headers], int]

_log = get_logger()


def everybody(headers: Headers) -> int:
    """Let everybody see the metrics, and which models there are."""
    return 200


@asynccontextmanager
async def answering(
    supervisor: "Supervisor", sockets: list[socket.socket], allowed: Allowed = everybody
) -> AsyncIterator[None]:
    """Answer on sockets that listen, meanwhile.

    Args:
        supervisor: whose workers are told of.
        sockets: they are closed at the end.
        allowed: who sees the metrics, and which models there are; the rest is for everybody.
    """
    config = uvicorn.Config(
        app_of(supervisor, allowed),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    host, port, *_ = sockets[0].getsockname()
    _log.info("ops listening", target=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    serving = asyncio.create_task(_Server(config).serve(sockets))
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.wait([serving])


def app_of(supervisor: "Supervisor", allowed: Allowed) -> Starlette:
    """Make what answers."""
    registry = registry_of(supervisor)

    async def livez(request: Request) -> Response:
        heard = last_heard(supervisor.folder)
        silent = 0.0 if heard is None else time.time() - heard
        if silent > _SILENT_SECONDS:
            return _said(503, f"no worker has been heard for {silent:.0f} s")
        return _said(200, "live")

    async def readyz(request: Request) -> Response:
        model = request.query_params.get("model")
        if model is not None and (status := allowed(request.headers)) != 200:
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
        if (status := allowed(request.headers)) != 200:
            return _refused(status)
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return Starlette(routes=[Route(f"/{one.__name__}", one) for one in (livez, readyz, metrics)])


class _Server(uvicorn.Server):
    """Leaves the signals to the supervisor."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _said(status: int, what: str) -> Response:
    return PlainTextResponse(f"{what}\n", status)


def _refused(status: int) -> Response:
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return PlainTextResponse("not allowed\n", status, headers)
