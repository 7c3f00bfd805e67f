"""One connection of the HTTP port: it ends when its client says nothing, or reads nothing."""

import asyncio
import ssl
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# For a request's head, from when one may begin; and for answers that wait to be read.
HEAD_SECONDS, _STALLED_SECONDS = 20.0, 120.0
# What is left of a request that was answered before it was read: a client who is cut off while it
# sends does not see the answer.
_LEFT_BYTES = 2**26
_NAMES = ("DNS", "URI", "email", "IP Address")


class Connection(H11Protocol):
    """A connection among others, of which there are no more than there is room for.

    Attributes:
        most: so many connections there may be.
    """

    most: ClassVar[int]
    _left = 0
    _waits: asyncio.TimerHandle | None = None
    _stalls: asyncio.TimerHandle | None = None

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
        is_left = is_answered and self.conn.their_state is h11.SEND_BODY
        self._left = self._left + len(data) if is_left else 0
        if self._left > _LEFT_BYTES:
            self.transport.abort()
            return
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._no_longer_await_head()
        elif self._waits is None:
            self._await_head()

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
