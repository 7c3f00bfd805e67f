"""A server's HTTP port for tests, and requests as callers without any stub write them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import learnwire_service as lw

GENERIC = "/learnwire.v1.PredictionService"
PENGUINS = "/learnwire.models.penguins.v1.PenguinsService"


@contextmanager
def web_serving(*served: Any, **settings: Any) -> Iterator[tuple[str, httpx.Client]]:
    """Serve models over gRPC and HTTP; give the target of the one and a client of the other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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
