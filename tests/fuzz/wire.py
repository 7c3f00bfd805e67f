"""Connections that break HTTP/2, or the manners of gRPC on top of it."""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
_END_STREAM, _END_HEADERS = 1, 4
_LARGEST = 2**24 - 1
_BLOCK = 2**14
_PATH = "/learnwire.v1.ModelService/ListModels"
# The longest that is waited for an answer that does not come, and for the end of a connection.
_QUIET, _LONGEST = 0.05, 20.0
_SLOW = 0.001

Script = list[bytes]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", length: int = -1) -> bytes:
    """Write a frame; its length may be a lie."""
    size = len(payload) if length < 0 else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def headers(*more: tuple[str, str], path: str | bytes = _PATH) -> bytes:
    """Write the headers of a call, each as a literal that is not indexed."""
    fields: list[tuple[str, str | bytes]] = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *more,
    ]
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in fields)


def _string(text: str | bytes) -> bytes:
    data = text if isinstance(text, bytes) else text.encode()
    size = len(data)
    if size < 127:
        return bytes([size]) + data
    rest, more = size - 127, bytearray([127])
    while rest > 127:
        more.append(128 | rest & 127)
        rest >>= 7
    return bytes([*more, rest]) + data


def call(
    stream: int = 1,
    *more: tuple[str, str],
    path: str | bytes = _PATH,
    body: bytes = b"\0\0\0\0\0",
) -> Script:
    """Write the frames of a call."""
    return [
        frame(HEADERS, _END_HEADERS, stream, headers(*more, path=path)),
        frame(DATA, _END_STREAM, stream, body),
    ]


GREETING = PREFACE + frame(SETTINGS, 0, 0)


def garbage(random: Random) -> Script:
    return [random.randbytes(random.randrange(1, 300))]


def garbage_after_greeting(random: Random) -> Script:
    return [GREETING, random.randbytes(random.randrange(1, 3000))]


def wrong_preface(random: Random) -> Script:
    preface = bytearray(PREFACE)
    preface[random.randrange(len(preface))] ^= 1 << random.randrange(8)
    tls = b"\x16\3\1\2\0\1\0\1\xfc\3\3" + random.randbytes(50)
    http = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n\r\n"
    return [random.choice((bytes(preface) + frame(SETTINGS, 0, 0), tls, http))]


def half(random: Random) -> Script:
    return half_of(b"".join([GREETING, *call()]), random)


def half_of(whole: bytes, random: Random) -> Script:
    """Send the first part of something."""
    return [whole[: random.randrange(len(whole))]]


def flipped(random: Random) -> Script:
    whole = bytearray(b"".join([GREETING, *call(), *call(3)]))
    for _ in range(random.randint(1, 5)):
        whole[random.randrange(len(PREFACE), len(whole))] ^= 1 << random.randrange(8)
    return [bytes(whole)]


def slow(random: Random) -> Script:
    whole = b"".join([GREETING, *call()])
    return [whole[i : i + 1] for i in range(random.randrange(20, len(whole)))]


def flood_of_resets(random: Random) -> Script:
    count = random.randrange(1, 300)
    calls = (
        call(stream)[0] + frame(RST, 0, stream, struct.pack(">I", 8))
        for stream in range(1, 2 * count, 2)
    )
    return [GREETING, b"".join(calls)]


def flood_of_settings(random: Random) -> Script:
    pairs = b"".join(
        struct.pack(">HI", random.randrange(9), random.getrandbits(32)) for _ in range(3)
    )
    sane = frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535))
    one = random.choice((frame(SETTINGS, 0, 0), sane, frame(SETTINGS, 0, 0, pairs)))
    return [PREFACE, one * random.randrange(1, 2000)]


def flood_of_pings(random: Random) -> Script:
    return [GREETING, frame(PING, 0, 0, b"12345678") * random.randrange(1, 2000)]


def flood_of_continuations(random: Random) -> Script:
    begin = frame(HEADERS, 0, 1, headers())
    return [GREETING, begin, frame(CONTINUATION, 0, 1, b"") * random.randrange(1, 2000)]


def huge_headers(random: Random) -> Script:
    block = headers(("x-large", "x" * random.choice((2**14, 2**15, 2**17, 2**20))))
    parts = [block[i : i + _BLOCK] for i in range(0, len(block), _BLOCK)]
    rest = [frame(CONTINUATION, 0, 1, part) for part in parts[1:]]
    return [GREETING, frame(HEADERS, 0, 1, parts[0]), *rest]


def many_headers(random: Random) -> Script:
    more = [(f"x-{i}", "y") for i in range(random.randrange(10, 1000))]
    return [GREETING, *call(1, *more)]


def bad_compression(random: Random) -> Script:
    block = random.choice(
        (
            b"\xff\xff\xff\xff\xff\xff\xff\xff",  # an index that there is not
            b"\x3f\xe1\xff\xff\xff\x7f",  # a table of any size
            headers() + b"\x80",
            headers() + b"\0\x85\xff\xff\xff\xff\xff\1a",  # a wrong Huffman code
            headers() + b"\x40\x7f\xff\xff\xff\xff\x0f",
            random.randbytes(60),
        )
    )
    return [GREETING, frame(HEADERS, _END_HEADERS, 1, block), *call(3)]


def odd_call(random: Random) -> Script:
    more = random.choice(
        (
            ("grpc-timeout", "99999999999999999999H"),
            ("grpc-timeout", "-1S"),
            ("grpc-timeout", "soon"),
            ("grpc-timeout", "0n"),
            ("grpc-encoding", "zip"),
            ("grpc-encoding", "gzip"),
            ("content-type", "text/html"),
            ("content-length", "-1"),
            (":path", "/again"),
            ("grpc-status", "0"),
            ("x-data-bin", "!!!!"),
            ("authorization", "Bearer \xe9"),
            ("learnwire-version", "\0"),
            ("Upper", "case"),
            ("connection", "close"),
        )
    )
    return [GREETING, *call(1, more, body=_body(random))]


def _body(random: Random) -> bytes:
    """Give a message, or what only looks like one."""
    return random.choice(
        (
            b"\0\0\0\0\0",
            b"\1\0\0\0\4junk",  # compressed, it says
            b"\0\xff\xff\xff\xff",
            b"\0\0\0\0\x09short",
            b"\2\0\0\0\0",
            b"\0\0\0",
            b"",
            b"\0\0\0\0\0" * 3,
            b"\0" + struct.pack(">I", 100) + random.randbytes(100),
        )
    )


def odd_path(random: Random) -> Script:
    path = random.choice(
        ("", "/", "//", "/a", "*", "/a.B/", "/" + "a/" * 500, "/\u2603/x", b"/caf\xe9/x", b"/\xff")
    )
    return [GREETING, *call(path=path)]


def odd_frames(random: Random) -> Script:
    made = [_odd_frame(random) for _ in range(random.randint(1, 8))]
    return [GREETING, *made, *call(1)]


def _odd_frame(random: Random) -> bytes:
    stream = random.choice((0, 1, 2, 3, 2**31 - 1, 2**32 - 1))
    number = struct.pack(">I", random.choice((0, 1, 2**31 - 1, 2**32 - 1)))
    return random.choice(
        (
            frame(DATA, 0, stream, b"\0" * random.randrange(50)),
            frame(DATA, 8, stream, b"\xff" * 3),  # padded by more than there is
            frame(HEADERS, 0x2C, stream, b"\xff" * 9),
            frame(RST, 0, stream, number),
            frame(RST, 0, stream, b"\0"),
            frame(WINDOW, 0, stream, number),
            frame(PRIORITY, 0, stream, number + b"\0"),
            frame(PUSH, _END_HEADERS, stream, number + headers()),
            frame(PING, random.choice((0, 1)), stream, b"\0" * random.choice((8, 7))),
            frame(GOAWAY, 0, stream, number + number),
            frame(SETTINGS, 1, stream, b"\0" * 6),
            frame(CONTINUATION, _END_HEADERS, stream, headers()),
            frame(random.randrange(10, 256), random.randrange(256), stream, b"odd"),
            frame(random.randrange(10), 0, stream, b"", length=_LARGEST),
        )
    )


def many_calls(random: Random) -> Script:
    count = random.randrange(1, 100)
    calls = (b"".join(call(stream)) for stream in range(1, 2 * count, 2))
    return [GREETING, b"".join(calls)]


def silent(random: Random) -> Script:
    return [random.choice((b"", PREFACE, GREETING))]


BREAKS: Sequence[Callable[[Random], Script]] = (
    garbage,
    garbage_after_greeting,
    wrong_preface,
    half,
    flipped,
    slow,
    flood_of_resets,
    flood_of_settings,
    flood_of_pings,
    flood_of_continuations,
    huge_headers,
    many_headers,
    bad_compression,
    odd_call,
    odd_path,
    odd_frames,
    many_calls,
    silent,
)


def script(seed: int, index: int) -> tuple[str, Script]:
    """Give how one connection breaks the rules, and what it sends."""
    random = Random(f"{seed}/connection/{index}")
    break_them = random.choice(BREAKS)
    return break_them.__name__, break_them(random)


async def send(target: str, seed: int, index: int) -> None:
    """Open one connection, send what it has to send, and leave, one way or the other.

    Raises:
        TimeoutError: it took longer than any connection should.
        OSError: no connection is to be had.
    """
    host, _, port = target.rpartition(":")
    name, pieces = script(seed, index)
    async with asyncio.timeout(_LONGEST):
        # From many addresses, so that none of them runs out of ports.
        own = (f"127.0.0.{1 + index % 250}", 0)
        reader, writer = await asyncio.open_connection(host, int(port), local_addr=own)
        try:
            with suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    if name == slow.__name__:
                        await asyncio.sleep(_SLOW)
                await _listen(reader)
        finally:
            leave(writer, abruptly=index % 2 == 0)


async def _listen(reader: asyncio.StreamReader) -> None:
    """Read until the server has nothing more to say."""
    with suppress(TimeoutError):
        while await asyncio.wait_for(reader.read(2**16), _QUIET):
            pass


def leave(writer: asyncio.StreamWriter, *, abruptly: bool) -> None:
    """Close a connection, or have it reset."""
    if abruptly:
        own: socket.socket = writer.get_extra_info("socket")
        with suppress(OSError):  # the server was first
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
