"""A stream of items, each answered as soon as it is ready."""

from collections.abc import Generator, Iterable, Iterator
from threading import Event, Semaphore, Thread
from typing import Any, TypeAlias

import grpc
from learnwire.v1.prediction_service_pb2 import PredictStreamRequest, PredictStreamResponse

from .exchange import WINDOW, Exchange
from .source import Source
from .status import call_errors

Method: TypeAlias = "grpc.StreamStreamMultiCallable[PredictStreamRequest, PredictStreamResponse]"
_END = object()


def stream(
    exchange: Exchange, values: Iterable[Any], method: Method, target: str
) -> Generator[Any, None, None]:
    """Make the call, and give what `Exchange.take` gives; when this is closed, the call is ended.

    Args:
        exchange: numbers the items.
        values: what is asked.
        method: makes the call.
        target: the server's name in errors.
    """
    yield from _Stream(exchange, values, method, target)


class _Stream:
    """One call under way: gRPC's thread reads the values, another one the answers."""

    def __init__(
        self, exchange: Exchange, values: Iterable[Any], method: Method, target: str
    ) -> None:
        self._exchange = exchange
        self._source = Source(values)
        self._room = Semaphore(WINDOW)
        self._bell = Event()
        self._target = target
        self._call = method(self._requests(), exchange.seconds)
        Thread(target=self._read, daemon=True).start()

    def __iter__(self) -> Generator[Any, None, None]:
        try:
            while not self._exchange.is_over:
                self._bell.clear()
                ready = self._exchange.take()
                for answer in ready:
                    self._room.release()
                    yield answer
                if not ready and not self._exchange.is_over:
                    self._bell.wait(self._exchange.seconds_left())
        finally:
            self._call.cancel()
            self._room.release()
            self._source.stop()

    def _requests(self) -> Iterator[PredictStreamRequest]:
        failure: BaseException | None = None
        try:
            while True:
                self._room.acquire()
                if (value := next(self._source, _END)) is _END:
                    break
                if (request := self._exchange.send(value)) is None:
                    self._bell.set()
                else:
                    yield request
        except BaseException as error:  # noqa: BLE001 - raised where the answers are awaited
            failure = error
        self._exchange.end_source(failure)

    def _read(self) -> None:
        failure: Exception | None = None
        try:
            with call_errors(self._target):
                for response in self._call:
                    self._exchange.receive(response)
                    self._bell.set()
        except Exception as error:  # noqa: BLE001 - raised where the answers are awaited
            failure = error
        finally:
            self._call.cancel()
        self._exchange.end_call(failure)
        self._bell.set()
