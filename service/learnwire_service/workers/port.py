"""The ports of a server: held for its workers, so that nobody else gets it, or listened on."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from ..common.ports import Address, beside, check_alone, check_private, listener, on_each
from ..common.settings import ServerSettings


@contextmanager
def held(settings: ServerSettings, flag: str = "--port") -> Iterator[list[socket.socket]]:
    """Hold the port of all of the host's addresses, without listening.

    Sockets that share it, as those of workers do, can listen on it; a server of its own cannot.

    Raises:
        CannotListen: the port is in use, or the address is not this machine's, or others reach it
            who are not meant to.
    """
    if settings.tls_cert is None:
        check_private(settings)
    with on_each(settings, _hold, flag) as sockets:
        yield sockets


@contextmanager
def listening(settings: ServerSettings) -> Iterator[list[socket.socket]]:
    """Listen on the port for those who operate the server, where there is to be one.

    It is on the server's own host, so that who reaches the one reaches the other.

    Raises:
        CannotListen: the port is in use, or the address is not this machine's, or others reach it
            who are not meant to.
    """
    if settings.ops_port is None:
        yield []
        return
    there = beside(settings, settings.ops_port)
    if settings.tls_cert is None:
        check_private(there)
    with on_each(there, listener, "--ops-port") as sockets:
        yield sockets


def port_of(sockets: list[socket.socket]) -> int:
    """Give the port that they have."""
    port: int = sockets[0].getsockname()[1]
    return port


def _hold(family: int, address: Address) -> socket.socket:
    if address[1]:
        check_alone(family, address)
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
