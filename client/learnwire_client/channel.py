"""The channels to a server: their security, their limits, their second tries."""

import json
from dataclasses import dataclass, field

import grpc

_MAX_RETRIES = 4  # gRPC itself never tries a call more than five times
_MAX_MESSAGE_BYTES = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class ChannelOptions:
    """How to reach a server; the defaults suit one in the same trusted network.

    Usage: `ChannelOptions(tls=Path("ca.pem").read_bytes(), keepalive=300)`

    Attributes:
        tls: False for plain text, True for TLS with the usual root certificates,
            or the root certificates to trust, as PEM.
        certificate: the client's own certificate chain for mutual TLS, as PEM.
        private_key: the key of `certificate`, as PEM.
        keepalive: a connection that is silent during a call for so many seconds, and
            then for as many again after a ping, is given up: Unavailable. None: no
            pings. Servers refuse pings that come too often; many allow one in 300 s.
        max_message_bytes: the largest message, sent or received.
        retries: how often a call that ended UNAVAILABLE is tried again, at most 4,
            after waits that begin at 0.2 s and double; the timeout covers them all.

    Raises:
        ValueError: an attribute is out of bounds, or they do not go together.
    """

    tls: bool | bytes = False
    certificate: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)
    keepalive: float | None = None
    max_message_bytes: int = 64 * 2**20
    retries: int = 3

    def __post_init__(self) -> None:
        for name in ("tls", "certificate", "private_key"):
            value = getattr(self, name)
            if isinstance(value, bytes) and b"-----BEGIN " not in value:
                raise ValueError(f"{name}: expected PEM, got {len(value)} bytes of something else")
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key: expected both or neither")
        if self.certificate is not None and not self.tls:
            raise ValueError("certificate: expected tls with it, got tls=False")
        if self.keepalive is not None and not 0.001 <= self.keepalive <= 86400:
            raise ValueError(f"keepalive: expected 0.001 to 86400 s, got {self.keepalive}")
        if not 0 < self.max_message_bytes <= _MAX_MESSAGE_BYTES:
            raise ValueError(
                f"max_message_bytes: expected 1 to {_MAX_MESSAGE_BYTES}, "
                f"got {self.max_message_bytes}"
            )
        if not 0 <= self.retries <= _MAX_RETRIES:
            raise ValueError(f"retries: expected 0 to {_MAX_RETRIES}, got {self.retries}")


def open_channels(target: str, options: ChannelOptions, count: int) -> list[grpc.Channel]:
    """Make so many channels to `target`; each connects at its first call.

    Raises:
        ValueError: there are to be none.
    """
    arguments = _arguments(options, count)
    if not options.tls:
        return [grpc.insecure_channel(target, arguments) for _ in range(count)]
    credentials = _credentials(options)
    return [grpc.secure_channel(target, credentials, arguments) for _ in range(count)]


def open_async_channels(target: str, options: ChannelOptions, count: int) -> list[grpc.aio.Channel]:
    """Make channels of the running event loop; see `open_channels`."""
    arguments = _arguments(options, count)
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


def _arguments(options: ChannelOptions, count: int) -> list[tuple[str, int | str]]:
    check_count(count)
    limit = options.max_message_bytes
    arguments: list[tuple[str, int | str]] = [
        ("grpc.max_send_message_length", limit),
        ("grpc.max_receive_message_length", limit),
    ]
    if count > 1:
        # Else they would be one connection.
        arguments.append(("grpc.use_local_subchannel_pool", 1))
    if options.keepalive is not None:
        milliseconds = int(options.keepalive * 1000)
        arguments += [
            ("grpc.keepalive_time_ms", milliseconds),
            ("grpc.keepalive_timeout_ms", milliseconds),
            # Without it the pings' own timeout, a minute, is what counts.
            ("grpc.http2.ping_timeout_ms", milliseconds),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    if options.retries:
        arguments += [
            ("grpc.service_config", _service_config(options.retries)),
            # A request that does not fit there, 256 KiB by default, is not tried again.
            ("grpc.per_rpc_retry_buffer_size", limit),
        ]
    return arguments


def _service_config(retries: int) -> str:
    policy = {
        "maxAttempts": retries + 1,
        "initialBackoff": "0.2s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})
