"""The port that workers share, held for them, so that nobody else gets it."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ..common.ports import Address, check_alone, on_each_address, told
from ..common.settings import ServerSettings


@contextmanager
def held(settings: ServerSettings) -> Iterator[int]:
    """Hold the port of all of the host's addresses, without listening, and give its number.

    Sockets that share it, as those of workers do, can listen on it; a server of its own cannot.

    Raises:
        CannotListen: the port is in use, or the address is not this machine's.
    """
    with ExitStack() as holders:
        with told(settings):
            port = _hold_all(settings, holders)
        yield port


def _hold_all(settings: ServerSettings, holders: ExitStack) -> int:
    """Hold the port, or a free one that is found for 0; see `on_each_address`."""
    port = settings.port

    def hold(family: int, address: Address) -> None:
        nonlocal port
        host, _, *scope = address
        address = (host, port, *scope)
        if port:
            check_alone(family, address)
        port = holders.enter_context(_hold(family, address)).getsockname()[1]

    on_each_address(settings, hold)
    return port


def _hold(family: int, address: Address) -> socket.socket:
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
