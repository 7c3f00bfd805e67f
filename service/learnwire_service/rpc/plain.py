"""Arrays of answers as plain numbers, for people who read them as JSON."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from google.protobuf.message import Message
from learnwire.v1 import io_pb2
from learnwire_client.arrays import AnyArray, decode_array

# A Value takes at most so many bytes for each that its number takes as `data`.
GROWTH = 12


def make_plain(message: Message) -> None:
    """Turn `data` into nested `values` in all arrays of a message."""
    for array in _arrays(message):
        values = _told(decode_array(array))
        array.ClearField("data")
        array.values.extend(values if isinstance(values, list) else [values])


def _arrays(message: Message) -> Iterator[io_pb2.NdArray]:
    if isinstance(message, io_pb2.NdArray):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            parts = value.values()
        else:
            parts = value if field.is_repeated else [value]
        for part in parts:
            if isinstance(part, Message):
                yield from _arrays(part)


def _told(array: AnyArray) -> Any:
    """Give nested lists of the shortest numbers that are read as the same; JSON has no NaN."""
    if array.dtype.kind != "f":
        return array.tolist()
    shortest = array.astype(str).astype(np.float64).astype(object)
    shortest[~np.isfinite(array)] = None
    return shortest.tolist()
