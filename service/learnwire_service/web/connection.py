"""One connection of the HTTP port: it ends when its client says nothing, or reads nothing."""

import asyncio
import ssl
from typing import Any, ClassVar

from httptools import HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# For a request's head, from when one may begin; and for answers that wait to be read.
HEAD_SECONDS, _STALLED_SECONDS = 20.0, 120.0
# What is left of a request that was answered before it was read: a client who is cut off while it
# sends does not see the answer.
_LEFT_BYTES = 2**26
# Requests that wait until others of their connection are answered.
_MOST_WAITING = 100
_NAMES = ("DNS", "URI", "email", "IP Address")


class _Parser(HttpRequestParser):
    """Reads requests; those that would like another protocol as if they did not.

    The library takes what follows their head for that protocol, which there is none of here. So
    their head is read again without that wish.

    Args:
        connection: gets what is read.
    """

    def __init__(self, connection: "Connection") -> None:
        super().__init__(connection)
        self._connection = connection

    def feed_data(self, data: Any) -> None:
        """See httptools."""
        rest = data
        while rest:
            try:
                super().feed_data(rest)
                rest = b""
            except HttpParserUpgrade as found:
                rest = self._connection.plain_head() + rest[found.args[0] :]
                # Behind the head of the last request of a connection it would read nothing.
                super().__init__(self._connection)


class Connection(HttpToolsProtocol):
    """A connection among others, of which there are no more than there is room for.

    Attributes:
        most: so many connections there may be.
        most_head_bytes: so many bytes a request may have before its body; around the parts of its
            body it may have as many, and as many again as the body has.
    """

    most: ClassVar[int]
    most_head_bytes: ClassVar[int]
    # What has come of a request, and what of that is body.
    _come_bytes = _body_bytes = 0
    _is_in_body = False
    _left = 0
    _waits: asyncio.TimerHandle | None = None
    _stalls: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.parser = _Parser(self)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """See asyncio."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
            return
        # Each request gets it with its scope.
        self.app_state = {**self.app_state, "names": _names_of(transport)}
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        is_answered = self.cycle is not None and self.cycle.response_complete
        self._left = self._left + len(data) if is_answered and self._is_in_body else 0
        if self._left > _LEFT_BYTES:
            self.transport.abort()
            return
        self._come_bytes += len(data)
        super().data_received(data)
        if self._come_bytes - 2 * self._body_bytes > self.most_head_bytes:
            if not self.transport.is_closing():
                self.send_400_response("The request is too large around its body.")
        elif self.cycle is not None and not self.cycle.response_complete:
            self._no_longer_await_head()
        elif self._waits is None:
            self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """See uvicorn; what is behind a body is no header."""
        if name.lower() == b"transfer-encoding" and value.lower() != b"chunked":
            raise ValueError("chunks are the only coding of bodies that this server knows")
        if not self._is_in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """See uvicorn."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.most_head_bytes:
            raise ValueError("the request's head is too large")
        if len(self.pipeline) >= _MOST_WAITING:
            raise ValueError("too many requests wait for the answers of others")
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("this is no proxy")
        if self.parser.should_upgrade():
            return
        super().on_headers_complete()
        self._is_in_body = True

    def on_body(self, body: bytes) -> None:
        """See uvicorn."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """See uvicorn."""
        if self.parser.should_upgrade():
            return
        self._is_in_body = False
        self._come_bytes = self._body_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """See uvicorn."""
        super().on_response_complete()
        if self.cycle is None or self.cycle.response_complete:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        super().connection_lost(exc)
        self._no_longer_await_head()
        self._go_on()

    def pause_writing(self) -> None:
        """See asyncio."""
        super().pause_writing()
        self._go_on()
        self._stalls = self.loop.call_later(_STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        self._go_on()

    def plain_head(self) -> bytes:
        """Write the head that was read last, without the wish for another protocol."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % one for one in self.headers if one[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _await_head(self) -> None:
        self._no_longer_await_head()
        if not self.transport.is_closing():
            self._waits = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _no_longer_await_head(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None

    def _go_on(self) -> None:
        if self._stalls is not None:
            self._stalls.cancel()
            self._stalls = None


def _names_of(transport: asyncio.Transport) -> tuple[str, ...]:
    """Give the names in the certificate that a client has shown, as gRPC does."""
    shown: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    certificate: Any = shown.getpeercert() if shown is not None else None
    names = (certificate or {}).get("subjectAltName", ())
    return tuple(name for kind, name in names if kind in _NAMES)
