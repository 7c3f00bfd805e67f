"""Turns: several channels that stubs take for one, since a connection stays with one process."""

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, TypeVar, cast

Channel = TypeVar("Channel")


def in_turn(channels: Sequence[Channel]) -> Channel:
    """Give what a stub takes for a channel, and passes each call to the next of them.

    Each method has turns of its own. A stream stays with the channel on which it began.

    Usage: `PredictionServiceStub(in_turn(channels))`

    Args:
        channels: to the same server, all of grpc or all of grpc.aio.
    """
    return cast("Channel", _InTurn(channels))


class _InTurn:
    def __init__(self, channels: Sequence[Any]) -> None:
        self._channels = channels

    def unary_unary(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        return _in_turn([one.unary_unary(*arguments, **options) for one in self._channels])

    def unary_stream(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        return _in_turn([one.unary_stream(*arguments, **options) for one in self._channels])

    def stream_stream(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        return _in_turn([one.stream_stream(*arguments, **options) for one in self._channels])


def _in_turn(methods: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    turns = cycle(methods)

    def call(*arguments: Any, **options: Any) -> Any:
        return next(turns)(*arguments, **options)

    return call
