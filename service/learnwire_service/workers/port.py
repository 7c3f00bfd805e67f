"""The ports of a server: held for its workers, so that nobody else gets it, or listened on."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from ..common.defaults import HOST
from ..common.ports import Address, check_alone, check_private, on_each_address, told
from ..common.settings import ServerSettings


@contextmanager
def held(settings: ServerSettings) -> Iterator[list[socket.socket]]:
    """Hold the port of all of the host's addresses, without listening.

    Sockets that share it, as those of workers do, can listen on it; a server of its own cannot.

    Raises:
        CannotListen: the port is in use, or the address is not this machine's, or others reach it
            who are not meant to.
    """
    if settings.tls_cert is None:
        check_private(settings)
    with _each(settings, _hold) as sockets:
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
    host = HOST if settings.is_unix else settings.host
    there = settings.model_copy(update={"host": host, "port": settings.ops_port})
    if settings.tls_cert is None:
        check_private(there)
    with _each(there, _listen, "--ops-port") as sockets:
        yield sockets


def port_of(sockets: list[socket.socket]) -> int:
    """Give the port that they have."""
    port: int = sockets[0].getsockname()[1]
    return port


@contextmanager
def _each(
    settings: ServerSettings, make: Callable[[int, Address], socket.socket], flag: str = "--port"
) -> Iterator[list[socket.socket]]:
    """Make a socket for each address of the host; for port 0 a free one is found."""
    found: list[socket.socket] = []

    def use(family: int, address: Address) -> None:
        host, port, *scope = address
        found.append(
            made.enter_context(make(family, (host, port_of(found) if found else port, *scope)))
        )

    with ExitStack() as made:
        with told(settings, flag):
            on_each_address(settings, use)
        yield found


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


def _listen(family: int, address: Address) -> socket.socket:
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # that of IPv4 is another one's
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
