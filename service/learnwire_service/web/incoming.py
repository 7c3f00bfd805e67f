"""A request over HTTP, as gRPC would tell of it."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.types import Scope

from ..rpc.context import Context

_BINARY = "-bin"


def headers_of(scope: Scope) -> dict[str, str]:
    """Give a request's headers, with names in small letters; those of one name in one line."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def context_of(scope: Scope, headers: Mapping[str, str], seconds: float | None = None) -> Context:
    """Give the context of a call.

    Args:
        scope: the request's, as ASGI has it.
        headers: the request's.
        seconds: how long it may take; None: as long as it likes.
    """
    return Context(
        metadata=tuple(_metadata(headers)),
        peer=_peer(scope["client"]),
        names=scope["state"].get("names", ()),
        seconds=seconds,
    )


def _metadata(headers: Mapping[str, str]) -> Iterator[tuple[str, str | bytes]]:
    for name, value in headers.items():
        if not name.endswith(_BINARY):
            yield name, value
            continue
        try:
            yield name, base64.b64decode(f"{value}==")
        except binascii.Error:
            continue


def _peer(client: Any) -> str:
    """Write an address as gRPC does."""
    if client is None:
        return "unix:"
    host, port = client
    return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
