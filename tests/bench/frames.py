"""A connection of HTTP/2 that does little more than send frames made beforehand.

With gRPC's own client a core of Python sends some thousand calls a second: too few to overload a
server. This one sends several times as many. It reads no headers: what ends with an answer was
answered, what ends without one was refused.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Iterable

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW = 0, 1, 4, 6, 8
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_MOST_STREAMS, _INITIAL_WINDOW = 3, 4
_HEAD = 9
_WIDEST, _WIDTH = 2**31 - 1, 2**16 - 1

# Told of each call that ends: what it was sent with, and whether it was answered.
Ended = Callable[[object, bool], None]


class Connection(asyncio.Protocol):
    """Sends calls of one method.

    Args:
        target: the server's host:port.
        path: the method's.
        seconds: how long a caller waits.
        ended: told of each call that ends.
    """

    def __init__(self, target: str, path: str, seconds: int, ended: Ended) -> None:
        self._headers = _header_block(target, path, seconds)
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._next, self._window, self._most = 1, _WIDTH, 100
        # By their streams: what they were sent with; and the streams on which an answer has come.
        self._calls: dict[int, object] = {}
        self._answered: set[int] = set()
        self._waiting: deque[tuple[object, bytes]] = deque()

    async def open(self, host: str, port: int) -> None:
        """Connect."""
        await asyncio.get_running_loop().create_connection(lambda: self, host, port)

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()

    def send(self, calls: Iterable[tuple[object, bytes]]) -> None:
        """Send calls, each with what its end is told with, and its message.

        Those for which the server has no room wait here, as they would in any client.
        """
        self._waiting.extend(calls)
        frames = list[bytes]()
        while self._waiting and len(self._calls) < self._most:
            key, message = self._waiting[0]
            size = len(message) + 5
            if size > self._window:
                break
            self._waiting.popleft()
            self._window -= size
            stream, self._next = self._next, self._next + 2
            self._calls[stream] = key
            frames += (
                _frame(_HEADERS, _END_HEADERS, stream, self._headers),
                _frame(_DATA, _END_STREAM, stream, struct.pack(">xI", len(message)) + message),
            )
        if frames and self._transport is not None:
            self._transport.write(b"".join(frames))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        settings = struct.pack(">HI", _INITIAL_WINDOW, _WIDEST)
        window = struct.pack(">I", _WIDEST - _WIDTH)
        transport.write(
            _PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW, 0, 0, window)
        )

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        data = self._received + data if self._received else data
        at = 0
        while at + _HEAD <= len(data):
            size = int.from_bytes(data[at : at + 3])
            if at + _HEAD + size > len(data):
                break
            stream = int.from_bytes(data[at + 5 : at + 9]) & _WIDEST
            self._take(data[at + 3], data[at + 4], stream, data[at + _HEAD : at + _HEAD + size])
            at += _HEAD + size
        self._received = data[at:]
        self.send(())

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio: what was not answered never will be."""
        for stream in list(self._calls):
            self._end(stream, was_answered=False)
        while self._waiting:
            self._ended(self._waiting.popleft()[0], False)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        match kind:
            case 0:  # data
                self._answered.add(stream)
            case 1 if flags & _END_STREAM:  # headers
                self._end(stream, was_answered=stream in self._answered)
            case 3:  # reset
                self._end(stream, was_answered=False)
            case 4 if not flags & _ACK:  # settings
                for name, value in struct.iter_unpack(">HI", payload):
                    self._most = value if name == _MOST_STREAMS else self._most
                self._reply(_SETTINGS, b"")
            case 6 if not flags & _ACK:  # ping
                self._reply(_PING, payload)
            case 7:  # go away
                self.close()
            case 8 if not stream:  # window
                self._window += int.from_bytes(payload)

    def _reply(self, kind: int, payload: bytes) -> None:
        assert self._transport is not None
        self._transport.write(_frame(kind, _ACK, 0, payload))

    def _end(self, stream: int, *, was_answered: bool) -> None:
        self._answered.discard(stream)
        if stream in self._calls:
            self._ended(self._calls.pop(stream), was_answered)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _header_block(target: str, path: str, seconds: int) -> bytes:
    """Write headers by HPACK, without its table, its Huffman code and long strings."""
    # Fields of the static table, whole or by their names.
    post, http, path_name, authority_name = b"\x83", b"\x86", b"\x04", b"\x01"
    named = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
    named.append((b"grpc-timeout", f"{seconds}S".encode()))
    return b"".join(
        [
            *(post, http, path_name + _string(path.encode())),
            authority_name + _string(target.encode()),
            *(b"\x00" + _string(name) + _string(value) for name, value in named),
        ]
    )


def _string(text: bytes) -> bytes:
    assert len(text) < 127
    return bytes([len(text)]) + text
