"""Which names a browser may call this server by, and from which sites: no others, by default.

A site that has its own name lead here would otherwise read what this machine alone may see.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..common.settings import ServerSettings
from ..rpc.request_ids import REQUEST_ID, RequestIds

ANY = "*"
_HOST = re.compile(r"(?:\[([^\]]+)\]|([^\s:@/?#,\[\]]+))(?::[0-9]*)?")
_FORBIDDEN, _MISDIRECTED = 403, 421


class Guard:
    """Refuses requests for names that are not this server's, and of sites that are not allowed.

    All answers have an id. An address is nobody's name, so each is taken.

    Args:
        app: gets the others.
        settings: have the names and the sites.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app, self._ids = app, RequestIds()
        self._hosts = {"localhost", settings.host.lower(), *listed(settings.http_hosts)}
        self._origins = frozenset(listed(settings.http_origins))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        headers = Headers(scope=scope)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._name(message, headers)
            await send(message)

        refusal = self._refusal(headers)
        await (refusal or self._app)(scope, receive, send_on)

    def _name(self, start: Message, headers: Headers) -> None:
        """Give an answer the id of its request, also one that no call gave it to."""
        if all(name.lower() != REQUEST_ID.encode() for name, _ in start["headers"]):
            found = self._ids.of(headers.items())
            start["headers"] = [*start["headers"], (REQUEST_ID.encode(), found.encode())]

    def _refusal(self, headers: Headers) -> JSONResponse | None:
        # With several, those before this server may have looked at another one.
        host = ", ".join(headers.getlist("host")).lower()
        if not self._is_own(host):
            problem = (
                f"{host[:100] or 'no host'} is no name of this server; name it in --http-hosts"
            )
            return _refused(_MISDIRECTED, problem)
        origin = headers.get("origin", "").lower()
        # As a browser writes it; others write what no parser reads.
        if not origin or origin.partition("://")[2] == host or is_among(origin, self._origins):
            return None
        problem = f"pages of {origin[:100]} may not call this server; name it in --http-origins"
        return _refused(_FORBIDDEN, problem)

    def _is_own(self, host: str) -> bool:
        if (found := _HOST.fullmatch(host)) is None:
            return False
        name = found[1] or found[2]
        return is_among(name, self._hosts) or _is_address(name)


def listed(setting: str) -> list[str]:
    """Give the parts of a setting that has several."""
    return [part.strip().lower() for part in setting.split(",") if part.strip()]


def is_among(name: str, allowed: Collection[str]) -> bool:
    """Tell whether a name is allowed, or all of them are."""
    return name in allowed or ANY in allowed


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _refused(status: int, problem: str) -> JSONResponse:
    told: dict[str, Any] = {"code": "permission_denied", "message": problem}
    return JSONResponse(told, status)
