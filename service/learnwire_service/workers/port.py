"""The port that workers share, held for them, so that nobody else gets it."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ..errors import CannotListen
from ..settings import ServerSettings

# Of the addresses of one name this machine may lack some, such as those of IPv6.
_LACKING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@contextmanager
def held(settings: ServerSettings) -> Iterator[int]:
    """Hold the port of all of the host's addresses, without listening, and give its number.

    Sockets that share it, as those of workers do, can listen on it; a server of its own cannot.

    Raises:
        CannotListen: the port is in use, or the address is not this machine's.
    """
    with ExitStack() as holders:
        try:
            port = _hold_all(settings.host.strip("[]"), settings.port, holders)
        except OSError:
            raise CannotListen(settings.target(settings.port)) from None
        yield port


def _hold_all(host: str, port: int, holders: ExitStack) -> int:
    """Hold the port, or a free one that is found for 0.

    Raises: OSError where it cannot be held on one of the addresses, or this machine has none.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    lacking = OSError(f"{host} has no address")
    chosen = 0
    for family, _, _, _, (address, _, *scope) in found:
        try:
            holder = _hold(family, (address, port, *scope))
        except OSError as error:
            if error.errno not in _LACKING:
                raise
            lacking = error
        else:
            chosen = port = holders.enter_context(holder).getsockname()[1]
    if not chosen:
        raise lacking
    return chosen


def _hold(family: int, address: tuple[Any, ...]) -> socket.socket:
    _, port, *_ = address
    if port:
        # Alone: whoever listens there makes this fail, even where he shares the port.
        with socket.socket(family) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
            alone.listen()
    holder = socket.socket(family)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Connections of a server that was here before may still be fading away.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(address)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError:
        holder.close()
        raise
    return holder
