"""Coalescing: calls for one item that are under way at the same time travel on one stream.

What each of them is answered, or raises, is what it would be if it were made alone.
"""

from collections.abc import Callable, Iterator
from functools import partial
from threading import TIMEOUT_MAX, Event, Lock, Thread
from time import monotonic
from typing import Any, TypeVar, cast

import grpc
from learnwire.v1 import prediction_service_pb2 as pb

from .shared_stream import (
    IDLE_SECONDS,
    AskedAlone,
    Coalescing,
    SharedStream,
    SharedStreams,
    fits,
)

Channel = TypeVar("Channel")


def coalescing(channel: Channel) -> Channel:
    """Give what a stub takes for a channel of grpc, and coalesces calls of Predict.

    A call that is alone, has metadata of its own or a large item travels by itself, and so do
    all where the server knows no items that come together.
    """
    return cast("Channel", Coalescing(channel, _Predict))


class _Predict:
    """The method; any thread may call it."""

    def __init__(self, alone: Callable[..., Any], start: Callable[..., Any]) -> None:
        self._alone = alone
        self._streams = SharedStreams(partial(_Stream, start))
        self._lock = Lock()
        self._under_way = 0

    def __call__(
        self, request: Any, timeout: float | None = None, metadata: Any = (), **options: Any
    ) -> Any:
        end = None if timeout is None else monotonic() + timeout
        with self._lock:
            has_company = self._under_way > 0
            self._under_way += 1
        try:
            if has_company and not metadata and fits(request):
                try:
                    return self._ask(_Asked(request, end))
                except AskedAlone:
                    timeout = None if end is None else max(0.0, end - monotonic())
            return self._alone(request, timeout, metadata=metadata, **options)
        finally:
            with self._lock:
                self._under_way -= 1

    def _ask(self, asked: "_Asked") -> Any:
        with self._lock:
            stream, one = self._streams.put(asked)
        return asked.awaited(stream, one)


class _Stream(SharedStream):
    """One stream under way: gRPC's thread sends what there is, another one reads the answers."""

    def __init__(self, start: Callable[..., Any]) -> None:
        self._bell = Event()
        super().__init__(self._bell.set)
        self._call = start(self._messages(), metadata=self.metadata)
        Thread(target=self._read, daemon=True).start()

    def _messages(self) -> Iterator[pb.PredictStreamRequest]:
        idle = False
        while not self.is_over(idle=idle):
            self._bell.clear()
            if message := self.message():
                yield message
            else:
                idle = not self._bell.wait(IDLE_SECONDS)

    def _read(self) -> None:
        failure: Exception | None = None
        try:
            for response in self._call:
                self.receive(response)
        except (grpc.RpcError, AskedAlone) as error:
            failure = error
        finally:
            self._call.cancel()
            self.end(failure)


class _Asked:
    """An item, for which a thread waits; see `Asked`."""

    def __init__(self, request: pb.PredictRequest, end: float | None) -> None:
        self.request, self.end = request, end
        self._done = Lock()
        self._done.acquire()
        self._outcome: pb.PredictStreamResult | BaseException | None = None

    def answer(self, result: pb.PredictStreamResult) -> None:
        """See Asked."""
        self._outcome = result
        self._done.release()

    def fail(self, error: BaseException) -> None:
        """See Asked."""
        self._outcome = error
        self._done.release()

    def awaited(self, stream: SharedStream, one: str) -> pb.PredictStreamResult:
        """Wait for what comes; it has the `prediction` of a PredictResponse.

        Raises:
            grpc.RpcError: what the call ends with.
            AskedAlone: as it says.
        """
        seconds = TIMEOUT_MAX if self.end is None else max(0.0, self.end - monotonic())
        try:
            self._done.acquire(timeout=min(seconds, TIMEOUT_MAX))
        finally:
            if self._outcome is None:
                stream.withdraw(one)
        outcome = self._outcome or stream.expired()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome
