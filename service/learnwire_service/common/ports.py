"""Ports: whether a server can listen on one, and a sentence that says why not."""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import Any, TypeAlias

from .defaults import HOST
from .errors import CannotListen
from .settings import ServerSettings

# As sockets take it: a host's, a port, and what else there is to it.
Address: TypeAlias = tuple[Any, ...]

# Of the addresses of one name this machine may lack some, such as those of IPv6.
_LACKING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def check_free(settings: ServerSettings) -> None:
    """Check that a server can listen, alone, on the port of all of the host's addresses.

    Raises:
        CannotListen: the port is in use, or the address is not this machine's.
    """
    with told(settings):
        on_each_address(settings, check_alone)


def check_private(
    settings: ServerSettings, otherwise: str = "give --tls-cert and --tls-key, or, "
) -> None:
    """Check that plain text stays on this machine, unless the settings have it leave.

    Args:
        settings: where it is spoken.
        otherwise: what else than to have it leave could be done.

    Raises:
        CannotListen: it would leave, or the host is not known.
    """
    if not settings.insecure and not is_local(settings):
        raise CannotListen(
            settings.target(settings.port),
            f"others could read plain text on its way: {otherwise}where the network itself is "
            "trusted, --insecure",
        )


def is_local(settings: ServerSettings) -> bool:
    """Tell whether only this machine reaches the host: a Unix socket, or loopback alone.

    Raises:
        CannotListen: the host is not known.
    """
    if settings.is_unix:
        return True
    with told(settings):
        return all(_is_loopback(address[0]) for *_, address in _addresses(settings))


def _is_loopback(host: str) -> bool:
    address = ip_address(host)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _addresses(settings: ServerSettings) -> list[tuple[Any, ...]]:
    host = settings.host.strip("[]")
    return list(
        socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    )


def on_each_address(settings: ServerSettings, use: Callable[[int, Address], None]) -> None:
    """Use each of the host's addresses, by its family; pass over those that are not here.

    Raises:
        OSError: the host is not known, or none of its addresses is here, or `use` raised.
    """
    lacking: OSError | None = OSError(errno.EADDRNOTAVAIL, f"{settings.host} has no address")
    for family, _, _, _, address in _addresses(settings):
        try:
            use(family, address)
        except OSError as error:
            if error.errno not in _LACKING:
                raise
        else:
            lacking = None
    if lacking:
        raise lacking


def check_alone(family: int, address: Address) -> None:
    """Listen for a moment: whoever listens there makes this fail, even where he shares the port."""
    with socket.socket(family) as alone:
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        alone.bind(address)
        alone.listen()


def beside(settings: ServerSettings, port: int | None) -> ServerSettings:
    """Give the settings with another port, on the same host: who reaches the one reaches both."""
    host = HOST if settings.is_unix else settings.host
    return settings.model_copy(update={"host": host, "port": port})


@contextmanager
def on_each(
    settings: ServerSettings, make: Callable[[int, Address], socket.socket], flag: str = "--port"
) -> Iterator[list[socket.socket]]:
    """Make a socket for each address of the host; for port 0 a free one is found.

    Raises:
        CannotListen: see `check_free`.
    """
    found: list[socket.socket] = []

    def use(family: int, address: Address) -> None:
        host, port, *scope = address
        chosen = found[0].getsockname()[1] if found else port
        found.append(made.enter_context(make(family, (host, chosen, *scope))))

    with ExitStack() as made:
        with told(settings, flag):
            on_each_address(settings, use)
        yield found


def listener(family: int, address: Address, *, shares: bool = False) -> socket.socket:
    """Give a socket that listens, with others on its port where they share it.

    Raises:
        OSError: it cannot.
    """
    made = socket.socket(family)
    try:
        option = socket.SO_REUSEPORT if shares else socket.SO_REUSEADDR
        made.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:  # that of IPv4 is another one's
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen()
    except OSError:
        made.close()
        raise
    return made


@contextmanager
def told(settings: ServerSettings, flag: str = "--port") -> Iterator[None]:
    """Have what the system refuses inside told in a sentence, which names the port's flag.

    Raises:
        CannotListen: see `check_free`.
    """
    try:
        yield
    except OSError as error:
        raise CannotListen(settings.target(settings.port), _reason(error, flag)) from None


def _reason(error: OSError, flag: str) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no host of that name; choose another with --host"
    if error.errno == errno.EADDRINUSE:
        return f"the port is in use; choose another with {flag}"
    if error.errno in _LACKING:
        return "the address is not this machine's; choose another with --host"
    return f"{error.strerror}; choose others with --host and {flag}"
