"""Pages for browsers: files of this package, which load nothing from anywhere else."""

from pathlib import Path

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FILES = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    # A page of one version does not go with the files of another.
    b"cache-control": b"no-cache",
    b"content-security-policy": _POLICY.encode(),
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}


def pages() -> Mount:
    """Give what answers with the files, at `/`; put it behind all other routes."""
    return Mount("/", _hardened(StaticFiles(directory=_FILES, html=True)))


def _hardened(app: ASGIApp) -> ASGIApp:
    """Have browsers load nothing but what is of this server into its pages."""

    async def hardened(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS.items()]
            await send(message)

        await app(scope, receive, send_on)

    return hardened
