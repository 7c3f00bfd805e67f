"""Which targets there are, which are on this machine, and the HTTP proxy to the others."""

import os
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_LOCAL_SCHEMES = ("unix", "unix-abstract", "vsock")
_OF_THE_WEB = ("http", "https", "grpc", "grpcs", "tcp")
_SCHEMES = ("dns", "ipv4", "ipv6", "xds")
_WITH_PORT = re.compile(r"(\[[^\]]+\]|[^:\[\]]+):\w+")
# As gRPC reads them: the first that is set counts.
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
_EXCEPTIONS = ("no_grpc_proxy", "no_proxy")


def check_target(target: str) -> None:
    """Refuse what newcomers write in place of `host:port`, which gRPC would take otherwise.

    Without a port it would go to that of HTTPS, 443.

    Raises:
        ValueError: the target has no port, or is the URL of a web page.
    """
    scheme, _, rest = target.partition("://")
    if scheme in _OF_THE_WEB and rest:
        raise ValueError(f'target: expected HOST:PORT without "{scheme}://", got "{target}"')
    if target.partition(":")[0] in (*_LOCAL_SCHEMES, "xds") or (rest and scheme not in _SCHEMES):
        return
    if not all(map(_WITH_PORT.fullmatch, _addresses(target))):
        raise ValueError(
            f'target: expected HOST:PORT such as localhost:50051, got "{target}"; '
            "50051 is the port of `learnwire serve` unless it is told another"
        )


def is_local(target: str) -> bool:
    """Tell whether a gRPC target is on this machine: a Unix socket, or all of it loopback."""
    scheme, _, rest = target.partition(":")
    if scheme in _LOCAL_SCHEMES:
        return True
    # Whatever the name is, others tell where it leads.
    told_elsewhere = scheme == "xds" or (rest[:2] == "//" and rest[:3] != "///")
    return not told_elsewhere and all(map(_is_loopback, _hosts(target)))


def proxy_of(target: str) -> str | None:
    """Give the proxy that gRPC goes through to a target, as `http_proxy=http://host:port`.

    Without the password that it may have; None: it goes through none.
    """
    name = next((name for name in _PROXIES if os.environ.get(name)), None)
    if name is None or is_local(target) or any(map(_is_excepted, _hosts(target))):
        return None
    proxy = urlsplit(os.environ[name])
    return f"{name}={proxy.scheme}://{proxy.netloc.rpartition('@')[2]}"


def _hosts(target: str) -> list[str]:
    return list(map(_host, _addresses(target)))


def _addresses(target: str) -> list[str]:
    scheme, colon, rest = target.partition(":")
    addresses = rest if colon and scheme in _SCHEMES else target
    return addresses.rpartition("/")[2].split(",")


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return f".{host}".rstrip(".").lower().endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _is_excepted(host: str) -> bool:
    listed = next((os.environ[name] for name in _EXCEPTIONS if os.environ.get(name)), "")
    ends = [end.strip() for end in listed.split(",")]
    return any(end == "*" or host.endswith(end) for end in ends if end)
