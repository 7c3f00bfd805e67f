"""A job of many values, cut into requests of a size that every server takes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
from learnwire.v1 import io_pb2
from learnwire.v1.prediction_service_pb2 import PredictManyRequest

from .errors import CallError, FieldError, InvalidInput, ResourceExhausted, Violation
from .inputs import Message, Values, encode_value, invalid_input, refused_below
from .pace import Pace
from .tables import encode_table, is_table, rows_of

if TYPE_CHECKING:
    import pandas as pd

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
    failure: Exception | None = None
    pace: Pace | None = None

    @property
    def sent(self) -> int:
        """How many of the values are in the request."""
        return self.faults.count(None)

    def answered_in(self, seconds: float) -> None:
        """Take in how long all its answers took."""
        if self.pace is not None:
            self.pace.learn(self.sent, self.request.ByteSize(), seconds)


def cut(model: str, values: Values, max_bytes: int) -> Iterator[Part]:
    """Cut a job into parts, each of them made only when it is asked for.

    Args:
        model: the model's name.
        values: several values of one kind, or a DataFrame of rows.
        max_bytes: the largest message that the channel takes.

    Raises:
        InvalidInput: a frame's columns have no names that the wire takes.
        TypeError: these are no values at all.
    """
    if is_table(values):
        with refused_below("table"):
            encode_table(values.iloc[:0])
        return _cut_frame(model, values, max_bytes)
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise TypeError(f"expected several values, got one {type(values).__name__}: put it in []")
    return _cut_values(model, iter(values), max_bytes)


def _cut_values(
    model: str, values: Iterable[object], max_bytes: int, first: int = 0
) -> Iterator[Part]:
    around = len(model.encode()) + _BYTES_AROUND_ALL
    room = min(_MAX_BYTES, max_bytes) - around
    part, left = Part(first, PredictManyRequest(model=model)), room
    try:
        for item in _encoded(values, max_bytes - around):
            size = 0 if isinstance(item, CallError) else _size(item)
            if len(part.faults) == MAX_ITEMS or (size > left and part.sent):
                yield part
                first += len(part.faults)
                part, left = Part(first, PredictManyRequest(model=model)), room
            _add(part, item)
            left -= size
    except Exception as error:  # noqa: BLE001 - raised behind the answers to what came before
        part.failure = error
    if part.faults or part.failure:
        yield part


def _encoded(values: Iterable[object], max_bytes: int) -> Iterator[Message | CallError]:
    """Encode each value; one that cannot be sent comes as its error."""
    kind: type[Message] | None = None
    for value in values:
        try:
            item = encode_value(value)
        except InvalidInput as fault:
            yield fault
        except TypeError as error:
            yield invalid_input(str(error))
        else:
            kind = kind or type(item)
            yield _checked(item, kind, max_bytes)


def _checked(item: Message, kind: type[Message], max_bytes: int) -> Message | CallError:
    if not isinstance(item, kind):
        expected, got = _FIELDS[kind], _FIELDS[type(item)]
        return invalid_input(
            "the values of one job are of one kind",
            Violation(got, f"expected {expected} as before, got {got}"),
        )
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


def _cut_frame(model: str, frame: "pd.DataFrame", max_bytes: int) -> Iterator[Part]:
    pace, first = Pace(), 0
    while first < len(frame):
        rows = frame.iloc[first : first + pace.rows]
        yield from _cut_rows(model, rows, first, max_bytes, pace)
        first += len(rows)


def _cut_rows(
    model: str, rows: "pd.DataFrame", first: int, max_bytes: int, pace: Pace
) -> Iterator[Part]:
    """Make one part of the rows, or several where they are too large or have a bad cell."""
    least = 1
    try:
        request = PredictManyRequest(model=model, table=encode_table(rows))
    except FieldError:
        # One by one the rows with bad cells fail alone.
        least = MAX_ITEMS
    else:
        if request.ByteSize() <= min(_MAX_BYTES, max_bytes):
            yield Part(first, request, [None] * len(rows), pace=pace)
            return
    if len(rows) <= least:
        yield from _cut_values(model, rows_of(rows), max_bytes, first)
        return
    half = len(rows) // 2
    yield from _cut_rows(model, rows.iloc[:half], first, max_bytes, pace)
    yield from _cut_rows(model, rows.iloc[half:], first + half, max_bytes, pace)
