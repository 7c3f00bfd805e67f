"""Second tries: which failures may be tried again, after how long, and the calls that do so."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Event
from typing import Any, TypeVar, cast

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from learnwire.v1.prediction_service_pb2 import PredictStreamResponse

from .busy import SLOTS, Busy, refused_unread
from .channel import ChannelOptions
from .repeated import Repeated
from .status import StatusError, code_of, detail_of, from_status, status_of

Channel = TypeVar("Channel")

_DOMAIN = "learnwire"
# How gRPC begins what it says of a call for which it found no connection. Of every other failure
# that has no status of the server, the call may have arrived.
_NEVER_LEFT = (
    "failed to connect to all addresses",
    "connections to all backends failing",
    "errors resolving ",
    "DNS resolution failed",
    "empty address list",
)
_FIRST_SECONDS, _LONGEST_SECONDS = 0.2, 2.0
# So that those who failed together do not come back together.
_JITTER = 0.5


class Tries:
    """The tries of one call.

    Args:
        options: how many there are, and whether a call is tried again that may have arrived.
        timeout: seconds for all of them together; None: for ever.
        busy: what is known of the server.
    """

    def __init__(self, options: ChannelOptions, timeout: float | None, busy: Busy) -> None:
        self._busy = busy
        self._retries, self._lost = options.retries, options.retry_lost
        self._end = None if timeout is None else time.monotonic() + timeout
        self._made = self._refusals = 0

    @property
    def left(self) -> float | None:
        """The seconds that are left of the timeout."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    @property
    def held(self) -> float:
        """The seconds to wait before the first try."""
        return self._busy.held(self.left)

    def answered(self) -> None:
        """Take in that there is an answer."""
        self._busy.answered()

    def pause(self, error: grpc.RpcError) -> float:
        """Give the seconds to wait before the next try; raises the error where there is none."""
        self._busy.learn(error)
        if self._retries and refused_unread(error):
            # Nothing was done, so such tries are not counted: the timeout ends them.
            seconds = self._busy.pause(self._refusals)
            self._refusals += 1
            left = self.left
            if seconds is None or (left is not None and left < seconds):
                raise error
            return seconds
        seconds = _seconds_after(error, self._made, lost=self._lost)
        left = self.left
        if seconds is None or self._made >= self._retries or (left is not None and left < seconds):
            raise error
        self._made += 1
        return seconds


def _seconds_after(error: grpc.RpcError, made: int, *, lost: bool) -> float | None:
    """Give how long to wait after an error, so many retries made; None: do not try again."""
    if code_of(error) is not grpc.StatusCode.UNAVAILABLE:
        return None
    status = status_of(error)
    info = detail_of(status, ErrorInfo) if status else None
    told = 0.0
    if status and info and info.domain == _DOMAIN:
        told = from_status(status).retry_after or 0.0
    elif not (lost or (error.details() or "").startswith(_NEVER_LEFT)):
        return None
    longest = max(told, min(_FIRST_SECONDS * 2.0**made, _LONGEST_SECONDS))
    return longest * random.uniform(1, 1 + _JITTER)  # noqa: S311 - no secret


def retrying(channel: Channel, options: ChannelOptions, closed: Event) -> Channel:
    """Give what a stub takes for a channel, and tries calls of one request again.

    A stream of answers is tried again until its first answer has come. So is one of requests,
    which are kept until then: its timeout is for these tries, and once it is answered it has none.

    Args:
        channel: to make the calls with.
        options: how often, and what else.
        closed: set when the channel is closed, which ends the waiting.
    """
    return cast("Channel", _Retrying(channel, options, closed))


class _Retrying:
    def __init__(self, channel: Any, options: ChannelOptions, closed: Event) -> None:
        self._channel, self._options, self._closed = channel, options, closed
        self._busy, self._slots = Busy(), BoundedSemaphore(SLOTS)

    def unary_unary(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        method = self._channel.unary_unary(path, *arguments, **kinds)

        def call(request: Any, timeout: float | None = None, **options: Any) -> Any:
            tries = Tries(self._options, timeout, self._busy)
            if held := tries.held:
                self._closed.wait(held)
            while True:
                with self._slot(tries):  # also until the next try, so that there are fewer
                    try:
                        answer = method(request, tries.left, **options)
                    except grpc.RpcError as error:
                        if self._closed.wait(tries.pause(error)):
                            raise
                    else:
                        tries.answered()
                        return answer

        return call

    @contextmanager
    def _slot(self, tries: Tries) -> Iterator[None]:
        """Wait until there are few calls under way, where the server has too many."""
        taken = self._busy.is_so and self._slots.acquire(timeout=tries.left)
        try:
            yield
        finally:
            if taken:
                self._slots.release()

    def unary_stream(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        method = self._channel.unary_stream(path, *arguments, **kinds)

        def call(request: Any, timeout: float | None = None, **options: Any) -> Any:
            tries = Tries(self._options, timeout, self._busy)
            return _Answers(lambda: method(request, tries.left, **options), tries, self._closed)

        return call

    def stream_stream(self, path: str, *arguments: Any, **kinds: Any) -> Callable[..., Any]:
        """See grpc.Channel."""
        method = self._channel.stream_stream(path, *arguments, **kinds)

        def call(requests: Iterator[Any], timeout: float | None = None, **options: Any) -> Any:
            tries = Tries(self._options, timeout, self._busy)
            kept = Repeated(requests)
            start = lambda: method(iter(kept), **options)  # noqa: E731
            return _Answers(start, tries, self._closed, kept.settle)

        return call


def refused_item(answer: Any) -> StatusError | None:
    """Give the status that the first item of a stream was answered with, as that of its call.

    A server that is loading, or ending, answers so each item of a stream.
    """
    is_status = isinstance(answer, PredictStreamResponse) and answer.HasField("status")
    return StatusError(answer.status) if is_status else None


class _Answers:
    """The answers of a call, which is made again while none has come."""

    def __init__(
        self,
        start: Callable[[], Any],
        tries: Tries,
        closed: Event,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self._start, self._tries, self._closed, self._settle = start, tries, closed, settle
        self._call = start()
        self._began = False
        self._cancelled = Event()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while not self._began:
            try:
                answer = next(self._call)
            except grpc.RpcError as error:
                self._begin_again(error)
            else:
                if self._is_taken(answer):
                    self._began = True
                    self._settle()
                    return answer
        return next(self._call)

    def cancel(self) -> None:
        """End the call, also while it waits for its next try."""
        self._cancelled.set()
        self._call.cancel()

    def _is_taken(self, answer: Any) -> bool:
        """Begin again where the answer asks for it and there is another try."""
        if (refused := refused_item(answer)) is None:
            return True
        try:
            self._begin_again(refused)
        except StatusError:
            return True
        return False

    def _begin_again(self, error: grpc.RpcError) -> None:
        if self._cancelled.wait(self._tries.pause(error)) or self._closed.is_set():
            raise error
        self._call.cancel()
        self._call = self._start()
        if self._cancelled.is_set():
            self._call.cancel()
