"""Protobuf's wire format, read without making anything of it."""

from collections.abc import Iterator

# The wire types.
VARINT, FIXED64, LENGTH, START_GROUP, END_GROUP, FIXED32 = range(6)

_SIZES = {FIXED64: 8, FIXED32: 4, START_GROUP: 0, END_GROUP: 0}
_MAX_VARINT_BYTES = 10

# A field as it stands in a message: its number, its wire type, where its value begins and ends.
Record = tuple[int, int, int, int]


class Malformed(Exception):
    """Raised where bytes are no message."""


def records(data: bytes, start: int, end: int) -> Iterator[Record]:
    """Give the fields of a message that stands between `start` and `end`, in their order.

    Those of a group follow its beginning.

    Raises:
        Malformed: the bytes are no message.
    """
    while start < end:
        tag, start = _number(data, start, end)
        kind = tag & 7
        if kind == LENGTH:
            size, start = _number(data, start, end)
            stop = start + size
        elif kind == VARINT:
            stop = _number(data, start, end)[1]
        elif kind in _SIZES:
            stop = start + _SIZES[kind]
        else:
            raise Malformed
        if stop > end or tag < 8:
            raise Malformed
        yield tag >> 3, kind, start, stop
        start = stop


def _number(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Read a variable-length number, and give where it ends."""
    if start < end and data[start] < 128:
        return data[start], start + 1
    value = shift = 0
    for place in range(start, min(end, start + _MAX_VARINT_BYTES)):
        value |= (data[place] & 127) << shift
        if data[place] < 128:
            return value, place + 1
        shift += 7
    raise Malformed
