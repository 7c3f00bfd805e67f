"""The stream that calls for one item share, as both clients keep it."""

from collections import deque
from collections.abc import Callable
from itertools import count
from threading import Lock
from time import monotonic
from typing import Any, Protocol
from uuid import uuid4

import grpc
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import ErrorInfo
from learnwire.v1 import prediction_service_pb2 as pb

from .status import ENDED_WHILE_SENDING, REQUEST_ID, StatusError, detail_of

_PREDICT = "/learnwire.v1.PredictionService/Predict"
_STREAM = "/learnwire.v1.PredictionService/PredictStream"
# A stream ends so long after its last item, and takes none once it is so old: servers come and go.
IDLE_SECONDS, _OLD_SECONDS = 1.0, 5.0
# What is larger gains nothing by company.
_MAX_ITEM_BYTES = 2**14
# As many as a server answers at a time on one stream.
_MAX_ITEMS = 64
_NANOS = 10**9
# What a server that is ending says of a new item.
_IS_ENDING = "RUNNER_CLOSED"
# How a server ends a stream of which it would answer the items one by one.
_NO_STREAMS = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.RESOURCE_EXHAUSTED)


class AskedAlone(Exception):
    """The item is to be asked by a call of its own."""


class Asked(Protocol):
    """One item, whose caller waits.

    Attributes:
        request: it.
        end: until when its caller waits, on the monotonic clock; None: for ever.
    """

    request: pb.PredictRequest
    end: float | None

    def answer(self, result: pb.PredictStreamResult) -> None:
        """Take in what came."""

    def fail(self, error: BaseException) -> None:
        """Take in that nothing comes."""


class SharedStream:
    """What goes over one stream, and who waits for it; any thread may use it.

    Args:
        ring: called whenever there is something to send, or no more.

    Attributes:
        metadata: what the stream is to be begun with.
        is_open: whether it takes more items.
        is_refused: whether the server has none, or no more of them, for a while.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._id = uuid4().hex
        self.metadata = ((REQUEST_ID, self._id),)
        self._lock = Lock()
        self._ids = count(1)
        self._old_at = monotonic() + _OLD_SECONDS
        self._is_open, self._is_refused = True, False
        self._waiting: dict[str, Asked] = {}
        self._to_send: deque[str] = deque()
        self._cancelled: list[str] = []

    @property
    def is_open(self) -> bool:
        """See the class."""
        return self._is_open

    @property
    def is_refused(self) -> bool:
        """See the class."""
        return self._is_refused and monotonic() <= self._old_at

    def put(self, asked: Asked) -> str | None:
        """Take an item in, and give its id; None where it needs another stream."""
        with self._lock:
            if not self._is_open or monotonic() > self._old_at:
                self._is_open = False
                self._ring()
                return None
            if len(self._waiting) >= _MAX_ITEMS:
                return None
            one = str(next(self._ids))
            self._waiting[one] = asked
            self._to_send.append(one)
        self._ring()
        return one

    def withdraw(self, one: str) -> None:
        """Let go an item whose caller waits no longer."""
        with self._lock:
            if self._waiting.pop(one, None) is not None:
                self._cancelled.append(one)
        self._ring()

    def message(self) -> pb.PredictStreamRequest | None:
        """Give what is to be sent now; None where that is nothing."""
        message, now = pb.PredictStreamRequest(), monotonic()
        with self._lock:
            while self._to_send:
                one = self._to_send.popleft()
                if asked := self._waiting.get(one):
                    item = message.items.add(id=one, request=asked.request)
                    if asked.end is not None:
                        left = int(max(0.0, asked.end - now) * _NANOS)
                        item.timeout.seconds, item.timeout.nanos = divmod(left, _NANOS)
            message.cancelled_ids.extend(self._cancelled)
            self._cancelled.clear()
        return message if message.items or message.cancelled_ids else None

    def is_over(self, *, idle: bool) -> bool:
        """Tell whether nothing more will be sent; an idle stream takes nothing from now on.

        One that takes no more is kept until nobody waits: who does may withdraw.
        """
        with self._lock:
            if idle and not self._waiting:
                self._is_open = False
            return not (self._is_open or self._waiting or self._cancelled)

    def receive(self, response: pb.PredictStreamResponse) -> None:
        """Take in answers.

        Raises:
            AskedAlone: the server knows nothing of items that come together.
        """
        if not response.results:
            raise AskedAlone
        for result in response.results:
            if result.HasField("status"):
                self._fail(result)
            elif asked := self._waiting.pop(result.id, None):
                asked.answer(result)
        if not (self._is_open or self._waiting):
            self._ring()

    def end(self, error: BaseException | None) -> None:
        """Take in that no more comes, perhaps because of an error."""
        with self._lock:
            self._is_open = False
            waiting, self._waiting = self._waiting, {}
            if isinstance(error, grpc.RpcError):
                error = AskedAlone() if _is_refusal(error) else Broken(error)
            self._is_refused = isinstance(error, AskedAlone)
        for asked in waiting.values():
            asked.fail(error or self._error(grpc.StatusCode.UNAVAILABLE, "the stream has ended"))
        self._ring()

    def expired(self) -> StatusError:
        """Make the error of a caller who has waited long enough."""
        return self._error(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")

    def _fail(self, result: pb.PredictStreamResult) -> None:
        error = StatusError(result.status, self._id)
        info = detail_of(result.status, ErrorInfo)
        if info and info.reason == _IS_ENDING:
            self._is_open = False
        if asked := self._waiting.pop(result.id, None):
            asked.fail(error)

    def _error(self, code: grpc.StatusCode, message: str) -> StatusError:
        return StatusError(status_pb2.Status(code=code.value[0], message=message), self._id)


def _is_refusal(error: Any) -> bool:
    # In the second case the status is lost, and a call of its own learns it.
    return error.code() in _NO_STREAMS or error.details() == ENDED_WHILE_SENDING


class SharedStreams:
    """As many streams as there are to be; one thread at a time may use it.

    Args:
        begin: begins one.
    """

    def __init__(self, begin: Callable[[], SharedStream]) -> None:
        self._begin = begin
        self._streams: list[SharedStream] = []

    def put(self, asked: Asked) -> tuple[SharedStream, str]:
        """Take an item in; give its stream, and its id there.

        Raises:
            AskedAlone: the server refuses streams for now.
        """
        for stream in self._streams:
            if (one := stream.put(asked)) is not None:
                return stream, one
        self._streams = [one for one in self._streams if one.is_open or one.is_refused]
        if any(one.is_refused for one in self._streams):
            raise AskedAlone
        self._streams.append(self._begin())
        return self.put(asked)


class Broken(grpc.RpcError):
    """How a stream ended, as the end of one of the calls that shared it.

    Args:
        call: the stream.
    """

    def __init__(self, call: Any) -> None:
        super().__init__(call.details())
        self._call = call

    def code(self) -> Any:
        """See grpc.Call."""
        return self._call.code()

    def details(self) -> Any:
        """See grpc.Call."""
        return self._call.details()

    def initial_metadata(self) -> Any:
        """See grpc.Call."""
        return self._call.initial_metadata()

    def trailing_metadata(self) -> Any:
        """See grpc.Call."""
        return self._call.trailing_metadata()


def fits(request: pb.PredictRequest) -> bool:
    """Tell whether an item is small enough to travel with others."""
    return request.ByteSize() <= _MAX_ITEM_BYTES


class Coalescing:
    """What a stub takes for a channel, and coalesces calls of Predict.

    Args:
        channel: of grpc or grpc.aio.
        predict: makes that method, of the one for calls that are alone and of what begins streams.
    """

    def __init__(self, channel: Any, predict: Callable[[Any, Any], Any]) -> None:
        self._channel, self._predict = channel, predict
        self.unary_stream, self.stream_stream = channel.unary_stream, channel.stream_stream

    def unary_unary(self, path: str, **kinds: Any) -> Any:
        """See grpc.Channel."""
        method = self._channel.unary_unary(path, **kinds)
        return self._predict(method, self._streams(kinds)) if path == _PREDICT else method

    def _streams(self, kinds: dict[str, Any]) -> Any:
        serializers = {
            "request_serializer": pb.PredictStreamRequest.SerializeToString,
            "response_deserializer": pb.PredictStreamResponse.FromString,
        }
        return self._channel.stream_stream(_STREAM, **{**kinds, **serializers})
