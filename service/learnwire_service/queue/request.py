"""Requests: items on their way through the engine, and the futures that await their outcomes."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..observe.tracing import current
from .batching import Entry

if TYPE_CHECKING:
    from ..observe.spans import CallTrace

# What is smaller takes the event loop less time than a thread would.
LARGE_BYTES = 2**17

# What becomes of the items of a request: of each an answer, or an exception.
Results = Sequence[Any]
Reply = asyncio.Future[Results] | Future[Results]


@dataclass(eq=False, kw_only=True)
class Request(Entry):
    """An entry of the batcher with what the engine needs beside.

    Attributes:
        encode: gives the work, or raises InvalidInput.
        reply: awaits the outcomes, in an event loop or a thread.
        warnings: what the sender of the items should know.
        large: whether to encode or to predict it may take long.
        encoding_at: when that began, on the batcher's clock.
        trace: of the call that it belongs to, where that has one.
    """

    encode: Callable[[], Any]
    reply: Reply
    warnings: tuple[str, ...] = ()
    large: bool = False
    encoding_at: float = 0.0
    trace: "CallTrace | None" = field(default_factory=current)

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that the reply belongs to; None where a thread waits for it."""
        return None if isinstance(self.reply, Future) else self.reply.get_loop()

    def fail(self, error: Exception) -> None:
        """Answer all items with one error."""
        answer([(self, [error] * self.size)])


def answer(
    answered: Iterable[tuple[Request, Results]], here: asyncio.AbstractEventLoop | None = None
) -> None:
    """Set the replies, each in its own event loop.

    Args:
        answered: the requests with their outcomes.
        here: the event loop that this is called in, if it is in one.
    """
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Results], Results]]] = {}
    for request, outcomes in answered:
        reply = request.reply
        if not isinstance(reply, Future):
            by_loop.setdefault(reply.get_loop(), []).append((reply, outcomes))
        elif reply.set_running_or_notify_cancel():
            reply.set_result(outcomes)
    for loop, replies in by_loop.items():
        if loop is here:
            _set_all(replies)
            continue
        # A loop that has been closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_set_all, replies)


def _set_all(replies: list[tuple[asyncio.Future[Results], Results]]) -> None:
    for reply, outcomes in replies:
        if not reply.done():
            reply.set_result(outcomes)
