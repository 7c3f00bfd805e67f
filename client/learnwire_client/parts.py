"""A job of many values, cut into requests of a size that every server takes."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import grpc
from learnwire.v1 import io_pb2
from learnwire.v1.prediction_service_pb2 import PredictManyRequest

from .errors import CallError, FieldError, InvalidInput, ResourceExhausted, Violation
from .frames import Frame
from .inputs import Message, encode_value, invalid_input
from .pace import Pace

# Enough to make little of what a call itself costs, and few enough that four calls
# at a time of a slow model, a tenth of a second for each, end in half a minute.
MAX_ITEMS = 64
# No Learnwire server has a lower limit.
_MAX_BYTES = 2**20
_BYTES_AROUND_AN_ITEM = 16
_BYTES_AROUND_ALL = 64
_FIELDS: dict[type[Message], str] = {
    io_pb2.Text: "text",
    io_pb2.TabularRow: "row",
    io_pb2.NdArray: "array",
    io_pb2.NdArrays: "arrays",
}


@dataclass
class Part:
    """A run of a job's values that goes in one call.

    Attributes:
        first: the index in the job of its first value.
        request: asks for those of the values that can be sent.
        faults: for each value None, or why it is not in the request.
        failure: what reading the values raised in place of the next one.
        pace: learns from a table how long later ones may be.
    """

    first: int
    request: PredictManyRequest
    faults: list[CallError | None] = field(default_factory=list)
    failure: BaseException | None = None
    pace: Pace | None = None

    @property
    def sent(self) -> int:
        """How many of the values are in the request."""
        return self.faults.count(None)

    def answered_in(self, seconds: float) -> None:
        """Take in how long all its answers took."""
        if self.pace is not None:
            self.pace.learn(self.sent, self.request.ByteSize(), seconds)


def cut(
    model: str,
    values: Iterable[object] | Frame,
    max_bytes: int,
    repeating: Collection[str] = (),
) -> Iterator[Part]:
    """Cut values that are at hand into parts, each of them made only when it is asked for.

    Args:
        model: the model's name.
        values: several values of one kind, or a frame of rows.
        max_bytes: the largest message that the channel takes.
        repeating: the columns of a frame that the server takes with each string once.
    """
    if isinstance(values, Frame):
        return _FrameCutter(model, max_bytes, repeating).cut(values)
    return _cut_values(model, values, max_bytes)


def _cut_values(
    model: str, values: Iterable[object], max_bytes: int, first: int = 0
) -> Iterator[Part]:
    cutter = Cutter(model, max_bytes, first)
    failure: Exception | None = None
    try:
        for value in values:
            if (part := cutter.add(value)) is not None:
                yield part
    except Exception as error:  # noqa: BLE001 - raised behind the answers to what came before
        failure = error
    if (part := cutter.rest(failure)) is not None:
        yield part


class Cutter:
    """Puts value after value into parts.

    Args:
        model: the model's name.
        max_bytes: the largest message that the channel takes.
        first: the index in the job of the first value.
    """

    def __init__(self, model: str, max_bytes: int, first: int = 0) -> None:
        around = len(model.encode()) + _BYTES_AROUND_ALL
        self._model = model
        self._room = min(_MAX_BYTES, max_bytes) - around
        self._largest = max_bytes - around
        self._kind: type[Message] | None = None
        self._begin(first)

    @property
    def has_values(self) -> bool:
        """Whether there are values that are in no part that was given."""
        return bool(self._part.faults)

    def add(self, value: object) -> Part | None:
        """Take in a value, and give the part that is full because of it."""
        item = self._encoded(value)
        size = 0 if isinstance(item, CallError) else _size(item)
        full = self.rest() if size > self._left and self._part.sent else None
        _add(self._part, item)
        self._left -= size
        return full or (self.rest() if len(self._part.faults) == MAX_ITEMS else None)

    def rest(self, failure: BaseException | None = None) -> Part | None:
        """Give what is in no part yet, or None where that is nothing.

        Args:
            failure: what reading the values raised behind the last one.
        """
        part = self._part
        part.failure = failure
        self._begin(part.first + len(part.faults))
        return part if part.faults or failure else None

    def _begin(self, first: int) -> None:
        self._part, self._left = Part(first, PredictManyRequest(model=self._model)), self._room

    def _encoded(self, value: object) -> Message | CallError:
        """Encode a value; one that cannot be sent becomes its error."""
        item = encode_or_refuse(value, self._largest)
        if isinstance(item, CallError):
            return item
        self._kind = self._kind or type(item)
        if isinstance(item, self._kind):
            return item
        expected, got = _FIELDS[self._kind], _FIELDS[type(item)]
        return invalid_input(
            "the values of one job are of one kind",
            Violation(got, f"expected {expected} as before, got {got}"),
        )


def encode_or_refuse(value: object, max_bytes: int) -> Message | CallError:
    """Encode one value of many; one that cannot be sent becomes its error.

    Args:
        value: of any type.
        max_bytes: how much the channel's limit leaves for it.
    """
    try:
        item = encode_value(value)
    except InvalidInput as fault:
        return fault
    except TypeError as error:
        return invalid_input(str(error))
    if _size(item) > max_bytes:
        return ResourceExhausted(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"the item takes {item.ByteSize()} bytes, and the channel's limit leaves {max_bytes} "
            "for one: raise max_message_bytes of the ChannelOptions",
        )
    return item


def _size(item: Message) -> int:
    return item.ByteSize() + _BYTES_AROUND_AN_ITEM


def _add(part: Part, item: Message | CallError) -> None:
    match item:
        case CallError():
            item.index = part.first + len(part.faults)
        case io_pb2.Text():
            part.request.texts.contents.append(item.content)
        case io_pb2.TabularRow():
            part.request.rows.rows.append(item)
        case io_pb2.NdArray():
            part.request.arrays.arrays.append(item)
        case io_pb2.NdArrays():
            part.request.arrays_list.items.append(item)
    part.faults.append(item if isinstance(item, CallError) else None)


@dataclass(frozen=True)
class _FrameCutter:
    """Cuts frames into parts; see `cut`."""

    model: str
    max_bytes: int
    repeating: Collection[str]
    pace: Pace = field(default_factory=Pace)

    def cut(self, frame: Frame) -> Iterator[Part]:
        first = 0
        while first < len(frame):
            rows = frame.part(first, first + self.pace.rows)
            yield from self._parts(rows, first)
            first += len(rows)

    def _parts(self, rows: Frame, first: int) -> Iterator[Part]:
        """Make one part of the rows, or several where they are too large or have a bad cell."""
        least = 1
        try:
            request = PredictManyRequest(model=self.model, table=rows.encoded(self.repeating))
        except FieldError:
            # One by one the rows with bad cells fail alone.
            least = MAX_ITEMS
        else:
            if request.ByteSize() <= min(_MAX_BYTES, self.max_bytes):
                yield Part(first, request, [None] * len(rows), pace=self.pace)
                return
        if len(rows) <= least:
            yield from _cut_values(self.model, rows, self.max_bytes, first)
            return
        half = len(rows) // 2
        yield from self._parts(rows.part(0, half), first)
        yield from self._parts(rows.part(half, len(rows)), first + half)
