"""Connections that break HTTP/1.1, or what is called through it."""

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any

from .verdict import inside_of
from .wire import PREFACE, Script, half_of, leave

LIST = "/learnwire.v1.ModelService/ListModels"
PREDICT = "/learnwire.v1.PredictionService/Predict"
_JSON = "application/json"
# The longest that is waited for more of an answer, for its beginning, and for a connection's end.
_QUIET, _SILENT, _LONGEST = 0.1, 3.0, 60.0
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
MARK = "what is odd"
_CELLS = {"island": "Dream", "sex": None, "year": 2007, "bill_length_mm": 39.1, "body_mass_g": 37}
# What is asked, of models that tests serve and of those that make fuzz does.
SEEDS: Sequence[tuple[str, dict[str, Any]]] = [
    *(
        (PREDICT, {"model": name, **asked})
        for name in ("penguins", "sentiment", "rows-to-a-label", "texts-to-a-label")
        for asked in (
            {"row": {"cells": _CELLS}},
            {"text": {"content": "Fine!"}},
            {"array": {"shape": [2, 2], "dataType": "DATA_TYPE_UINT8", "data": "AAAAAA=="}},
            {"array": {"values": [[1, 2], [3, 4]]}},
        )
    ),
    (PREDICT + "Many", {"model": "penguins", "rows": {"rows": [{"cells": _CELLS}] * 3}}),
    (PREDICT + "Many", {"model": "sentiment", "texts": {"contents": ["Fine!", "Bad."]}}),
    ("/learnwire.models.penguins.v1.PenguinsService/Predict", _CELLS),
    ("/learnwire.models.penguins.v1.PenguinsService/PredictMany", {"requests": [_CELLS] * 2}),
    ("/learnwire.v1.ModelService/GetModel", {"model": "penguins"}),
    (
        "/learnwire.v1.EndpointService/Call",
        {"endpoint": "shout", "inputs": {"text": {"flag": True}}},
    ),
    ("/grpc.health.v1.Health/Check", {"service": "penguins"}),
]
ODD: Sequence[bytes] = (
    *(b"NaN", b"-Infinity", b"1e999", b"-0", b"0.1e-400", b"1.5", b"18446744073709551616"),
    *(b"9" * 400, b"1" * 5000, b"01", b"+1", b".5", b"0x1", b"/**/1", b"'a'", b"True", b"null"),
    *(b"[]", b"{}", b"true", b'""', b'"\\ud800"', b'"\xff"', b'"\\u0000"', b'"NaN"', b'"Infinity"'),
    *(b"[" * 90 + b"]" * 90, b'{"a":' * 50 + b"1" + b"}" * 50, b'"' + b"a" * 10_000 + b'"'),
    *(b'"2024-01-01T00:00:00Z"', b'{"a": 1, "a": 2}', b'{"": null}', b"[null]", b'"1e5"', b'" 1"'),
)
# Those that tell of a fault of ours, or of a request that was taken for another one.
_WRONG = {500, 502, 505}
_SMUGGLED = "/smuggled"


def head(*more: str, path: str = LIST, method: str = "POST", host: str = "localhost") -> bytes:
    """Write what a request has before its body."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", f"content-type: {_JSON}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def call(body: bytes = b"{}", *more: str, path: str = LIST) -> bytes:
    """Write a request that is as long as it says."""
    return head(f"content-length: {len(body)}", *more, path=path) + body


def chunked(*parts: bytes) -> bytes:
    """Write a body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in parts) + b"0\r\n\r\n"


def garbage(random: Random) -> Script:
    return [random.randbytes(random.randrange(1, 3000))]


def other_protocol(random: Random) -> Script:
    tls = b"\x16\3\1\2\0\1\0\1\xfc\3\3" + random.randbytes(500)
    old = random.choice((b"GET /\r\n", b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/3.0\r\n\r\n"))
    upgrade = head(
        "connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABk"
    )
    socket = head("connection: Upgrade", "upgrade: websocket", method="GET", path="/")
    return [random.choice((tls, old, upgrade, socket, PREFACE + random.randbytes(50)))]


def half(random: Random) -> Script:
    return half_of(call(), random)


def flipped(random: Random) -> Script:
    whole = bytearray(call() + call())
    for _ in range(random.randint(1, 5)):
        whole[random.randrange(len(whole))] ^= 1 << random.randrange(8)
    return [bytes(whole)]


def slow(random: Random) -> Script:
    whole = call()
    return [whole[i : i + 1] for i in range(random.randrange(20, len(whole)))]


def lengths_that_differ(random: Random) -> Script:
    """Say in two ways where a request ends, and have another one stand between."""
    hidden = head("content-length: 0", path=_SMUGGLED)
    lines = random.choice(
        (
            ["content-length: 5", "transfer-encoding: chunked"],
            ["transfer-encoding: chunked", f"content-length: {len(hidden) + 5}"],
            ["content-length: 2", f"content-length: {len(hidden)}"],
            [f"content-length: 2, {len(hidden)}"],
            ["content-length: +2"],
            ["content-length: -2"],
            ["content-length: 0x2"],
            ["content-length: 2\x0b"],
            ["content-length: 99999999999999999999999"],
            ["content-length: " + "9" * 5000],
            ["transfer-encoding: chunked, identity"],
            ["transfer-encoding: identity, chunked"],
            ["transfer-encoding: xchunked"],
            ["transfer-encoding:\x0bchunked"],
            ["transfer-encoding: chunked", "transfer-encoding: cow"],
            ["transfer-encoding : chunked"],
            ["x: y\n transfer-encoding: chunked"],
            ["x: y\ntransfer-encoding: chunked"],
            ["x: y\rtransfer-encoding: chunked"],
            ["transfer-encoding: gzip"],
        )
    )
    return [head(*lines) + b"0\r\n\r\n" + hidden]


def odd_chunks(random: Random) -> Script:
    body = random.choice(
        (
            b"0x2\r\n{}\r\n0\r\n\r\n",
            b"-2\r\n{}\r\n0\r\n\r\n",
            b"+2\r\n{}\r\n0\r\n\r\n",
            b" 2\r\n{}\r\n0\r\n\r\n",
            b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
            b"2\n{}\n0\n\n",
            b"2\r\n{}0\r\n\r\n",
            b"2\r\n{}xx0\r\n\r\n",
            b"2;" + b"a" * random.choice((10, 2**18)) + b"\r\n{}\r\n0\r\n\r\n",
            b"2;a=\n\r\n{}\r\n0\r\n\r\n",
            b"2\r\n{}\r\n0\r\n" + b"x: y\r\n" * random.choice((1, 2**15)) + b"\r\n",
            b"2\r\n{}\r\n0\r\nx: " + b"y" * 2**18 + b"\r\n\r\n",
            b"2\r\n{}\r\n0\r\ncontent-length: x\r\nhost: evil\r\nauthorization: x\r\n\r\n",
            b"2\r\n{}\r\n" + b"0" * random.choice((100, 2**18)) + b"\r\n\r\n",
            b"2\r\n{}\r\n",
        )
    )
    return [head("transfer-encoding: chunked") + body]


def many_small_chunks(random: Random) -> Script:
    one = b"1\r\n \r\n" * random.choice((100, 2**16))
    return [head("transfer-encoding: chunked"), one, one, b"2\r\n{}\r\n0\r\n\r\n"]


def odd_lines(random: Random) -> Script:
    line = random.choice(
        (
            b"POST " + LIST.encode() + b" HTTP/1.1\nhost: localhost\ncontent-length: 2\n\n{}",
            head("x: a\r\n folded").rstrip() + b"\r\n\r\n",
            head("no colon"),
            head(": no name"),
            head("x\0y: z"),
            head("x: a\0b"),
            head("caf\xe9: \xe9"),
            head("space : before"),
            head("host: evil.example.com"),
            head(host="localhost\r\nhost: evil.example.com"),
            b"POST " + LIST.encode() + b" HTTP/1.1\r\n\r\n",
            b"\r\n" * 2**15 + call(),
            b"PO ST / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        )
    )
    return [line, call()]


def odd_targets(random: Random) -> Script:
    path = random.choice(
        (
            *("*", "//", "/../../etc/passwd", "/%2e%2e/app.py", "/%00", "/%ff/%fe", "/caf\xe9/x"),
            *(
                "http://evil.example.com" + LIST,
                "/a/" * 2000,
                "?",
                "/" + "a" * 2**17,
                LIST + "?x=1",
            ),
            *(LIST + "/", "/" + "%2f" * 500, "learnwire", "/openapi.json?" + "&" * 5000),
        )
    )
    methods = (
        "GET",
        "HEAD",
        "PUT",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "PRI",
        "POST",
        "QUERY",
    )
    return [head("content-length: 0", path=path, method=random.choice(methods))]


def other_sites(random: Random) -> Script:
    host = random.choice(("localhost", "evil.example.com", "localhost.evil", "localhost@evil", ""))
    origin = random.choice(("https://evil.example.com", "null", "http://[", "\xe9", "localhost"))
    return [
        head("content-length: 2", f"origin: {origin}", host=host)
        + b"{}"
        + head(
            "access-control-request-method: POST",
            f"origin: {origin}",
            method="OPTIONS",
            host=host,
        )
    ]


def pipelined(random: Random) -> Script:
    count = random.choice((5, 50, 3000))
    ones = [call(), call(b'{"x": 1}'), call(path="/no/such"), head(path="/", method="GET")]
    return [b"".join(random.choice(ones) for _ in range(count))]


def flood_of_headers(random: Random) -> Script:
    return random.choice(
        (
            [head(*(f"x-{i}: y" for i in range(random.choice((100, 20_000)))))],
            [head("x: " + "a" * random.choice((2**14, 2**20)))],
            [head("cookie: " + "a=b; " * 5000, "authorization: Bearer " + "x" * 20_000)],
            [b"POST / HTTP/1.1\r\n", *[b"x: y\r\n" * 1000] * 300],
        )
    )


def odd_headers(random: Random) -> Script:
    line = random.choice(
        (
            *("connect-timeout-ms: -1", "connect-timeout-ms: 99999999999", "connect-timeout-ms: 0"),
            *("grpc-timeout: 0n", "grpc-timeout: 1S", "expect: 100-continue", "expect: tea"),
            *("content-encoding: br", "content-encoding: gzip, gzip", "content-encoding: \xe9"),
            *("traceparent: 00-zz", "traceparent: " + "0" * 5000, "tracestate: " + "a=b," * 500),
            *("x-request-id: \xe9\xff", "x-request-id: " + "x" * 5000, "x-data-bin: !!!!"),
            *("authorization: \xe9", "authorization: Basic eA==", "learnwire-version: ../.."),
            *(
                "content-type: application/grpc",
                "content-type: application/grpc-web",
                "te: trailers",
            ),
            *("range: bytes=0-99999999", "if-modified-since: \xe9", "accept-encoding: gzip;q=x"),
            *("connection: close", "connection: keep-alive, close", "proxy-connection: x"),
        )
    )
    return [call(b"{}", line), call(b"{}", line, path=PREDICT)]


@cache
def _zeros(size: int) -> bytes:
    return gzip.compress(bytes(size), 1, mtime=0)


def compressed(random: Random) -> Script:
    """Send what is far more than it was, or is not what it says."""
    bomb = _zeros(2**27 if random.random() < 0.05 else 2**20)
    body = random.choice(
        (
            bomb,
            gzip.compress(bomb, 1, mtime=0),
            gzip.compress(b"{}", mtime=0) + gzip.compress(b"{}", mtime=0),
            gzip.compress(b"{}", mtime=0)[:-5],
            gzip.compress(b'{"model": "' + b"a" * 2**20 + b'"}'),
            zlib.compress(b"{}"),
            b"\x1f\x8b" + random.randbytes(100),
            b"",
        )
    )
    kind = random.choice(("gzip", "GZIP", "deflate", "identity", "gzip, gzip"))
    return [call(body, f"content-encoding: {kind}", path=random.choice((LIST, PREDICT)))]


def odd_json(random: Random) -> Script:
    deep = random.choice((50, 101, 1000, 200_000))
    body = random.choice(
        (
            *(b"[" * deep, b'{"a":' * deep, b"[" * deep + b"]" * deep),
            b'{"model": "a", "row": {"cells": {"x": ' + b"[" * deep + b"]" * deep + b"}}}",
            b'{"model": "a", "array": {"shape": [' + b"1," * deep + b"1]}}",
            *(b'{"model": 1e999}', b'{"model": NaN}', b"NaN", b"-Infinity", b"1" * 10_000),
            b'{"model": "a", "row": {"cells": {"x": 1e999, "y": -Infinity, "z": NaN}}}',
            b'{"model": "a", "row": {"cells": {"x": ' + b"9" * 5000 + b"}}}",
            b'{"model": "a", "array": {"shape": [1e400, 9223372036854775808, -1, "x"]}}',
            b'{"model": "a", "array": {"dataType": 99, "data": "!!!!", "shape": ["1"]}}',
            b'{"model": "a", "model": "b"}',
            b'{"model": "a", "text": {"content": "a", "content": "b"}, "row": {}}',
            *(b'{"model": "\xff\xfe"}', b'{"model": "\\ud800"}', b'"\\', b"\xef\xbb\xbf{}", b"\0"),
            b'{"model": "\\u0000", "text": {"content": "\\u0000\\udfff"}}',
            b'{"__proto__": {}, "model": null, "": 1, "\\ud800": 2}',
            *(b"null", b"true", b'""', b"[]", b"{}x", b"{,}", b"{'model': 'a'}", b"\t\n\r {}"),
            json.dumps(
                {"model": "a", "row": {"cells": {f"c{i}": i for i in range(20_000)}}}
            ).encode(),
        )
    )
    kind = random.choice((_JSON, _JSON, "application/json; charset=utf-16", "application/proto"))
    whole = head(f"content-length: {len(body)}", path=random.choice((LIST, PREDICT)))
    return [whole.replace(_JSON.encode(), kind.encode()) + body]


def mutated_json(random: Random) -> Script:
    """Have something odd stand in a request, or break its bytes."""
    path, asked = random.choice(SEEDS)
    body = json.dumps(marked(asked, random)).encode()
    body = body.replace(json.dumps(MARK).encode(), random.choice(ODD))
    for _ in range(random.choice((0, 0, 1, 3))):
        at = random.randrange(len(body))
        piece = random.choice((b"", random.randbytes(1), b'"', b"}", b"[", b",", b":", b"\\u"))
        body = body[:at] + piece + body[at + random.randrange(3) :] or b"{}"
    return [call(body, path=path)]


def marked(asked: Any, random: Random) -> Any:
    """Give what is asked with a mark in the place of one of its parts."""
    parts = list(asked.items() if isinstance(asked, dict) else enumerate(asked))
    key, value = random.choice(parts)
    inside = isinstance(value, dict | list) and value and random.random() < 0.8
    made = asked.copy()
    made[key] = marked(value, random) if inside else MARK
    return made


def odd_envelopes(random: Random) -> Script:
    kinds = ("grpc-web", "grpc-web-text", "grpc-web+json", "connect+proto", "connect+json")
    body = random.choice(
        (
            *(b"", b"\0\0\0\0\0", b"\1\0\0\0\4junk", b"\0\xff\xff\xff\xff", b"\2\0\0\0\2{}"),
            *(b"\0\0\0\0\0" * 1000, b"\x80\0\0\0\0", b"=" * 2**18, b"AAAAAAA=" * 3, b"A" * 2**18),
            random.randbytes(100),
        )
    )
    kind = f"application/{random.choice(kinds)}"
    whole = head(f"content-length: {len(body)}", path=random.choice((LIST, PREDICT)))
    return [whole.replace(_JSON.encode(), kind.encode()) + body]


BREAKS: Sequence[Callable[[Random], Script]] = (
    garbage,
    other_protocol,
    half,
    flipped,
    slow,
    lengths_that_differ,
    odd_chunks,
    many_small_chunks,
    odd_lines,
    odd_targets,
    other_sites,
    pipelined,
    flood_of_headers,
    odd_headers,
    compressed,
    odd_json,
    mutated_json,
    odd_envelopes,
)


def script(seed: int, index: int) -> tuple[str, Script]:
    """Give how one connection breaks the rules, and what it sends."""
    random = Random(f"{seed}/web/{index}")
    break_them = random.choice(BREAKS)
    return break_them.__name__, break_them(random)


async def send(target: str, seed: int, index: int) -> None:
    """Open one connection, send what it has to send, read what comes, and leave.

    Raises:
        TimeoutError: it took longer than any connection should.
        OSError: no connection is to be had.
        AssertionError: what came is no answer to that.
    """
    host, _, port = target.rpartition(":")
    name, pieces = script(seed, index)
    async with asyncio.timeout(_LONGEST):
        own = (f"127.0.0.{1 + index % 250}", 0)
        reader, writer = await asyncio.open_connection(host, int(port), local_addr=own)
        listening = asyncio.create_task(_heard(reader))
        try:
            with suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    if name == slow.__name__:
                        await asyncio.sleep(0)
            check(name, await listening)
        finally:
            listening.cancel()
            leave(writer, abruptly=index % 2 == 0)


def check(name: str, heard: bytes) -> None:
    """Look at what came back for one connection's requests.

    Raises:
        AssertionError: it tells of a fault.
    """
    statuses = [int(one) for one in _STATUS.findall(heard)]
    assert not heard or statuses, f"no HTTP: {heard[:100]!r}"
    assert not _WRONG & set(statuses), f"{heard[:500]!r}"
    told = heard.decode("latin-1")
    assert not (problem := inside_of(told)), f"an answer {problem}: {told[:500]!r}"
    if name == lengths_that_differ.__name__:
        assert 200 not in statuses, f"two lengths are taken: {heard[:500]!r}"
        assert len(statuses) <= 1, f"what is hidden in a request is answered: {heard[:500]!r}"
    if name == other_sites.__name__:
        assert b"access-control-allow-origin" not in heard.lower()


async def _heard(reader: asyncio.StreamReader) -> bytes:
    """Read until the server has nothing more to say."""
    heard = bytearray()
    with suppress(TimeoutError, ConnectionError):
        while more := await asyncio.wait_for(reader.read(2**16), _QUIET if heard else _SILENT):
            heard += more[: max(0, 2**20 - len(heard))]
    return bytes(heard)
