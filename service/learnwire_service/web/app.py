"""What is where on the HTTP port."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..common.settings import ServerSettings
from ..rpc.handlers import Handlers
from .calls import Calls
from .guard import Guard, listed
from .protocols import CONTENT_TYPES, spoken

# Files of the console; what it consists of comes from nowhere else.
STATIC = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {
    b"content-security-policy": _POLICY.encode(),
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}
# What browsers let a page of another site read, and how long they keep in mind that they do.
_EXPOSED = ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"]
_EXPOSED += ["content-encoding", "connect-content-encoding", "grpc-encoding"]
_KEPT_SECONDS = 7200


def app_of(handlers: Handlers, settings: ServerSettings) -> ASGIApp:
    """Make what answers.

    Args:
        handlers: those of the gRPC server, asked at each call.
        settings: who may call, and with how much.
    """
    routes = [
        Route("/{service}/{method}", _Calling(Calls(handlers, settings)), methods=["POST"]),
        Mount("/", _hardened(StaticFiles(directory=STATIC, html=True))),
    ]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=listed(settings.http_origins),
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=_EXPOSED,
        max_age=_KEPT_SECONDS,
    )
    return Guard(Starlette(routes=routes, middleware=[cors]), settings)


class _Calling:
    """Answers calls, or says that they are none."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): one.decode("latin-1") for name, one in scope["headers"]}
        protocol = spoken(headers)
        if protocol is None or not await self._calls.answer(
            scope, headers, protocol, receive, send
        ):
            await _unsupported(headers.get("content-type", ""))(scope, receive, send)


def _unsupported(content_type: str) -> Response:
    problem = f'the content type "{content_type[:100]}" is none that this method is called with'
    headers = {"accept-post": ", ".join(CONTENT_TYPES)}
    return JSONResponse({"code": "unknown", "message": problem}, 415, headers)


def _hardened(app: ASGIApp) -> ASGIApp:
    """Have browsers load nothing but what is of this server into its pages."""

    async def hardened(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_PAGE_HEADERS.items()]
            await send(message)

        await app(scope, receive, send_on)

    return hardened
