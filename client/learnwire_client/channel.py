"""The channels to a server: their security, their limits, how they find it again."""

import json
from dataclasses import dataclass, field

import grpc

from .proxies import is_local

_MAX_RETRIES = 4  # more would only make an outage longer
_MAX_MESSAGE_BYTES = 2**31 - 1
_MIN_KEEPALIVE, _MAX_KEEPALIVE = 0.1, 86400  # servers of Learnwire allow pings so often

# A server that comes back is found within two seconds, however long it was away.
_FIRST_BACKOFF_MS, _LONGEST_BACKOFF_MS = 100, 1000
# An attempt to connect that hears nothing is begun anew; the system itself asks ever more seldom.
_CONNECT_MS = 5000
# How often a name is looked up again at most, since its addresses may have changed.
_LOOK_UP_MS = 1000


@dataclass(frozen=True, kw_only=True)
class ChannelOptions:
    """How to reach a server; the defaults suit one in the same trusted network.

    Usage: `ChannelOptions(tls=Path("ca.pem").read_bytes(), keepalive=300)`

    Attributes:
        tls: False for plain text, True for TLS with the usual root certificates,
            or the root certificates to trust, as PEM.
        certificate: the client's own certificate chain for mutual TLS, as PEM.
        private_key: the key of `certificate`, as PEM.
        token: the bearer token that tells the server who calls; None: that of the environment,
            LEARNWIRE_TOKEN, where there is one. Without TLS it goes to this machine alone.
        keepalive: a connection that is silent during a call for so many seconds, and
            then for as many again after a ping, is given up: Unavailable. None: no
            pings. Learnwire's servers allow them every 0.1 s, many others every 300 s.
        max_message_bytes: the largest message, sent or received.
        retries: how often a call is tried again that found no connection, or that the server
            refused for the moment, since it still loads or ends: after 0.2 s, which
            doubles up to 2 s, and up to half as much by chance; the timeout covers them all.
        retry_lost: whether a call is tried again, too, whose connection broke after it was sent.
            The server may have got it: its code may run twice, and an item that ends one
            server's process may end the next one's.
        wait_for_ready: whether a call waits for a connection until its timeout is over; else it
            fails as soon as none is to be had.

    Raises:
        ValueError: an attribute is out of bounds, or they do not go together.
    """

    tls: bool | bytes = False
    certificate: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    keepalive: float | None = None
    max_message_bytes: int = 64 * 2**20
    retries: int = 3
    retry_lost: bool = False
    wait_for_ready: bool = False

    def __post_init__(self) -> None:
        for name in ("tls", "certificate", "private_key"):
            value = getattr(self, name)
            if isinstance(value, bytes) and b"-----BEGIN " not in value:
                raise ValueError(f"{name}: expected PEM, got {len(value)} bytes of something else")
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key: expected both or neither")
        if self.certificate is not None and not self.tls:
            raise ValueError("certificate: expected tls with it, got tls=False")
        if self.token is not None:
            check_token("token", self.token)
        if self.keepalive is not None and not _MIN_KEEPALIVE <= self.keepalive <= _MAX_KEEPALIVE:
            raise ValueError(
                f"keepalive: expected {_MIN_KEEPALIVE} to {_MAX_KEEPALIVE} s, got {self.keepalive}"
            )
        if not 0 < self.max_message_bytes <= _MAX_MESSAGE_BYTES:
            raise ValueError(
                f"max_message_bytes: expected 1 to {_MAX_MESSAGE_BYTES}, "
                f"got {self.max_message_bytes}"
            )
        if not 0 <= self.retries <= _MAX_RETRIES:
            raise ValueError(f"retries: expected 0 to {_MAX_RETRIES}, got {self.retries}")


def check_token(name: str, token: str) -> None:
    """Refuse what no header can carry, and what gRPC would show in its error.

    Raises:
        ValueError: it is no token; says so of the name, without the token.
    """
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError(f"{name}: expected printable ASCII, without spaces or ends of lines")


def open_channels(target: str, options: ChannelOptions, count: int) -> list[grpc.Channel]:
    """Make so many channels to `target`; each connects at its first call.

    Raises:
        ValueError: there are to be none.
    """
    arguments = _arguments(target, options, count)
    if not options.tls:
        return [grpc.insecure_channel(target, arguments) for _ in range(count)]
    credentials = _credentials(options)
    return [grpc.secure_channel(target, credentials, arguments) for _ in range(count)]


def open_async_channels(target: str, options: ChannelOptions, count: int) -> list[grpc.aio.Channel]:
    """Make channels of the running event loop; see `open_channels`."""
    arguments = _arguments(target, options, count)
    if not options.tls:
        return [grpc.aio.insecure_channel(target, arguments) for _ in range(count)]
    credentials = _credentials(options)
    return [grpc.aio.secure_channel(target, credentials, arguments) for _ in range(count)]


def check_count(channels: int) -> None:
    """Refuse no channels.

    Raises:
        ValueError: there are to be none.
    """
    if channels < 1:
        raise ValueError(f"channels: expected 1 or more, got {channels}")


def _credentials(options: ChannelOptions) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        options.tls if isinstance(options.tls, bytes) else None,
        options.private_key,
        options.certificate,
    )


def _arguments(target: str, options: ChannelOptions, count: int) -> list[tuple[str, int | str]]:
    check_count(count)
    limit = options.max_message_bytes
    arguments: list[tuple[str, int | str]] = [
        ("grpc.max_send_message_length", limit),
        ("grpc.max_receive_message_length", limit),
        # Else clients, and channels of one, would share a connection, and what it went through.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", _FIRST_BACKOFF_MS),
        ("grpc.max_reconnect_backoff_ms", _LONGEST_BACKOFF_MS),
        ("grpc.min_reconnect_backoff_ms", _CONNECT_MS),
        ("grpc.dns_min_time_between_resolutions_ms", _LOOK_UP_MS),
        ("grpc.service_config", _service_config(options)),
    ]
    if is_local(target):
        arguments.append(("grpc.enable_http_proxy", 0))
    if options.keepalive is not None:
        milliseconds = int(options.keepalive * 1000)
        arguments += [
            ("grpc.keepalive_time_ms", milliseconds),
            ("grpc.keepalive_timeout_ms", milliseconds),
            # Without it the pings' own timeout, a minute, is what counts.
            ("grpc.http2.ping_timeout_ms", milliseconds),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    return arguments


def _service_config(options: ChannelOptions) -> str:
    every_method = {"name": [{}], "waitForReady": options.wait_for_ready}
    return json.dumps(
        {"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [every_method]}
    )
