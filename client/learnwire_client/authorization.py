"""Authorization: every call carries the caller's bearer token, see RFC 6750."""

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

from .channel import ChannelOptions, check_token
from .proxies import is_local

Channel = TypeVar("Channel")

TOKEN_VARIABLE = "LEARNWIRE_TOKEN"  # noqa: S105 - where one is, and none


def token_for(target: str, options: ChannelOptions) -> str | None:
    """Give the token that calls to a target carry: the options', or that of the environment.

    Raises:
        ValueError: the token would travel in plain text, or is none.
    """
    token = options.token
    if token is None:
        # What was read of a file often ends with the end of a line.
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        check_token(TOKEN_VARIABLE, token)
    if token and not (options.tls or is_local(target)):
        raise ValueError(
            f"token: it would travel to {target} in plain text: choose tls=True, or the roots to "
            "trust, as PEM; in a shell --tls or --tls-ca"
        )
    return token or None


def authorized(channel: Channel, token: str | None) -> Channel:
    """Give what a stub takes for a channel of grpc or grpc.aio, and sends the token, if any."""
    if token is None:
        return channel
    return cast("Channel", _Authorized(channel, ("authorization", f"Bearer {token}")))


class _Authorized:
    def __init__(self, channel: Any, pair: tuple[str, str]) -> None:
        self._channel, self._metadata = channel, (pair,)

    def unary_unary(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        return self._sending(self._channel.unary_unary(*arguments, **options))

    def unary_stream(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        return self._sending(self._channel.unary_stream(*arguments, **options))

    def stream_stream(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        return self._sending(self._channel.stream_stream(*arguments, **options))

    def _sending(self, method: Callable[..., Any]) -> Callable[..., Any]:
        own = self._metadata

        # A stream of grpc.aio may be written to, and then begins without requests.
        def call(*requests: Any, metadata: tuple[Any, ...] = (), **options: Any) -> Any:
            return method(*requests, metadata=(*own, *metadata), **options)

        return call
