"""A server's HTTP port for tests, and requests as callers without any stub write them."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import learnwire_service as lw

GENERIC = "/learnwire.v1.PredictionService"
PENGUINS = "/learnwire.models.penguins.v1.PenguinsService"


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def web_serving(*served: Any, **settings: Any) -> Iterator[tuple[str, httpx.Client]]:
    """Serve models over gRPC and HTTP; give the target of the one and a client of the other."""
    port = free_port()
    with (
        lw.serving(*served, **{"max_wait": 600, **settings}, http_port=port) as target,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        yield target, http


def details(answer: httpx.Response) -> dict[str, Any]:
    """Give the details of an error in Connect's JSON, by their types' last names."""
    return {one["type"].rpartition(".")[2]: one["debug"] for one in answer.json()["details"]}


def violations(answer: httpx.Response) -> dict[str, str]:
    """Give the faults of an input by their fields."""
    return {
        one["field"]: one["description"] for one in details(answer)["BadRequest"]["fieldViolations"]
    }


def framed(data: bytes, flags: int = 0) -> bytes:
    """Put a message in an envelope, as Connect's streams and gRPC-Web have it."""
    return struct.pack(">BI", flags, len(data)) + data


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the flags and the messages of a body, to its end."""
    while data:
        flags, size = struct.unpack_from(">BI", data)
        assert len(data) >= 5 + size
        yield flags, data[5 : 5 + size]
        data = data[5 + size :]


def trailers(data: bytes) -> dict[str, str]:
    """Give gRPC's trailers, as gRPC-Web writes them."""
    return dict(line.split(": ", 1) for line in data.decode().split("\r\n") if line)
