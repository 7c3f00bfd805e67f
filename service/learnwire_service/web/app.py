"""What is where on the HTTP port."""

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..common.errors import LearnwireError
from ..common.settings import ServerSettings
from ..rpc.server import Server
from ..rpc.status import to_status
from .calls import Calls
from .errors import connect_error, http_status
from .guard import Guard, listed
from .incoming import context_of, headers_of
from .inference.routes import inference_routes
from .openapi import document
from .pages import pages
from .protocols import CONTENT_TYPES, spoken

# What browsers let a page of another site read, and how long they keep in mind that they do.
_EXPOSED = ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"]
_EXPOSED += ["content-encoding", "connect-content-encoding", "grpc-encoding"]
_EXPOSED += ["inference-header-content-length"]
_KEPT_SECONDS = 7200
_VERB = "POST"


def app_of(server: Server, settings: ServerSettings) -> ASGIApp:
    """Make what answers.

    Args:
        server: whose handlers answer, found anew for each call.
        settings: who may call, and with how much.
    """
    calls = Calls(server.handlers, settings)
    routes = inference_routes(calls, settings)
    routes.append(Route("/{service}/{method}", _Calling(calls)))
    if settings.reflection:
        describing = _Describing(server, asks_for_tokens=settings.asks_who_calls)
        routes.append(Route("/openapi.json", describing.answer))
    cors = Middleware(
        CORSMiddleware,
        allow_origins=listed(settings.http_origins),
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=_EXPOSED,
        max_age=_KEPT_SECONDS,
    )
    app = Starlette(routes=[*routes, pages()], middleware=[cors])
    # What is somewhere is nowhere else.
    app.router.redirect_slashes = False
    return Guard(app, settings)


class _Calling:
    """Answers calls, or says that they are none."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        if scope["method"] != _VERB:
            await _refused(f"methods are called with {_VERB}", 405, {"allow": _VERB})(
                scope, receive, send
            )
        elif (protocol := spoken(headers)) is None:
            await _unsupported(headers.get("content-type", ""))(scope, receive, send)
        else:
            await self._calls.answer(scope, headers, protocol, receive, send)


def _unsupported(content_type: str) -> Response:
    problem = f'the content type "{content_type[:100]}" is none that methods are called with'
    return _refused(problem, 415, {"accept-post": ", ".join(CONTENT_TYPES)})


def _refused(problem: str, status: int, headers: Mapping[str, str]) -> Response:
    return JSONResponse({"code": "unknown", "message": problem}, status, headers)


class _Describing:
    """Gives the document of what its reader may call."""

    def __init__(self, server: Server, *, asks_for_tokens: bool) -> None:
        self._catalogue, self._asks_for_tokens = server.catalogue, asks_for_tokens

    async def answer(self, request: Request) -> Response:
        try:
            offered = await self._catalogue.of(context_of(request.scope, headers_of(request.scope)))
        except LearnwireError as error:
            status = to_status(error)
            return JSONResponse(connect_error(status), http_status(status))
        return JSONResponse(document(offered, asks_for_tokens=self._asks_for_tokens))
