"""Messages made odd: their fields set to what nobody expects, or their bytes broken."""

import math
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

_INTEGERS = (0, 1, -1, 2, 63, 127, 128, 255, 2**24 + 1, 2**31 - 1, -(2**31), 2**53 + 1)
_WIDE = (2**31, 2**32, 2**62, 2**63 - 1, -(2**63))
_REALS = (0.0, -0.0, 0.5, -1.0, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 1e39)
_STRINGS = (
    *("", " ", "\0", "\n\r\t", "null", "nan", "Infinity", "1e999", "-", ":", "latest", "a:b:c"),
    *("../../etc/passwd", "%s%n{0}", "\U0001f608", "e\u0301" * 5, "\u202eabc", "\ufeff", "\u2028"),
    *("2024-02-30", "9999-12-31T23:59:60Z", "0001-01-01", "xxpad xxunk", "<!--", "?*[a-z]"),
)
_BYTES = (
    b"",
    b"\0",
    b"\xff" * 9,
    b"\x89PNG\r\n\x1a\n",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\2\0\0\0",
    b"\xff\xd8\xff\xe0\0\x10JFIF",
    b"GIF89a\xff\xff\xff\xff",
    b"RIFF\xff\xff\xff\xffWEBP",
)
_BAD_VARINTS = (b"\xff" * 11, b"\x80" * 10 + b"\2", b"\x80\x80\x80", b"\xff\xff\xff\xff\x0f")
_MOST_CHANGES = 4
# Seldom, since they take long: how often a text, a list and a nest are made large, and how large.
_LARGE_EVERY, _LONG_TEXT, _MANY, _DEEP = 40, 20_000, 2000, 120


_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def mutated(seeds: Sequence[Message], words: Sequence[str], random: Random) -> bytes:
    """Give the bytes of one of the messages, made odd: by its fields, by its bytes, or by both.

    Args:
        seeds: messages that are as they should be.
        words: strings that mean something to who reads them.
        random: decides; the same one makes the same bytes.
    """
    message = type(seeds[0])()
    message.CopyFrom(random.choice(seeds))
    how = random.random()
    if how < 0.7:
        # Of what is very deep protobuf copies no element.
        with suppress(DecodeError):
            for _ in range(random.randint(1, _MOST_CHANGES)):
                _Change(words, random).change(message)
    data = message.SerializeToString(deterministic=True)
    if how > 0.6:
        other = random.choice(seeds).SerializeToString(deterministic=True)
        for _ in range(random.randint(1, _MOST_CHANGES)):
            data = broken(data, other, random)
    return data


class _Change:
    """Changes a message somewhere within it."""

    def __init__(self, words: Sequence[str], random: Random) -> None:
        self._words, self._random = words, random

    def change(self, message: Any) -> None:
        """Change one field of the message, or of one that it holds."""
        within = [one for one in self._held(message) if one.DESCRIPTOR.fields]
        if within and self._random.random() < 0.75:
            self.change(self._random.choice(within))
        elif message.DESCRIPTOR.fields:
            self._set(message, self._random.choice(message.DESCRIPTOR.fields))

    def _held(self, message: Any) -> list[Any]:
        held: list[Any] = []
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            if field.message_type.GetOptions().map_entry:
                held += [one for one in value.values() if isinstance(one, Message)]
            else:
                held += value if field.is_repeated else [value]
        return held

    def _set(self, message: Any, field: FieldDescriptor) -> None:
        if self._random.random() < 0.1:
            message.ClearField(field.name)
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            self._set_entry(getattr(message, field.name), field.message_type)
        elif field.is_repeated:
            self._set_elements(message, field)
        elif field.message_type is not None:
            self._fill(getattr(message, field.name))
        else:
            setattr(message, field.name, self._scalar(field))

    def _set_entry(self, entries: Any, entry: Descriptor) -> None:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        keys = sorted(entries, key=repr)
        if keys and self._random.random() < 0.3:
            del entries[self._random.choice(keys)]
            return
        chosen = self._random.choice(keys) if keys and self._one_in(2) else self._scalar(key)
        if value.message_type is not None:
            self._fill(entries[chosen])
        else:
            entries[chosen] = self._scalar(value)

    def _set_elements(self, message: Any, field: FieldDescriptor) -> None:
        elements = getattr(message, field.name)
        what = self._random.randrange(4)
        if elements and what == 0:
            del elements[self._random.randrange(len(elements)) :]
        elif elements and what == 1:
            times = _MANY if self._one_in(_LARGE_EVERY) else 2
            elements.extend([elements[self._random.randrange(len(elements))]] * times)
        elif field.message_type is not None:
            self._fill(elements.add())
        elif elements and what == 2:
            elements[self._random.randrange(len(elements))] = self._scalar(field)
        else:
            elements.append(self._scalar(field))

    def _fill(self, message: Any) -> None:
        """Set a field or two of a message; where it may hold itself, sometimes very deep."""
        message.SetInParent()
        if self._one_in(_LARGE_EVERY):
            self._nest(message, self._random.randrange(_DEEP))
        for _ in range(self._random.randrange(3)):
            if message.DESCRIPTOR.fields:
                self._set(message, self._random.choice(message.DESCRIPTOR.fields))

    def _nest(self, message: Any, depth: int) -> None:
        for _ in range(depth):
            fields = [one for one in message.DESCRIPTOR.fields if one.message_type is not None]
            if not fields:
                return
            field = self._random.choice(fields)
            inner = getattr(message, field.name)
            if field.message_type.GetOptions().map_entry:
                if field.message_type.fields_by_name["value"].message_type is None:
                    return
                message = inner["deep"]
            else:
                message = inner.add() if field.is_repeated else inner
            message.SetInParent()

    def _scalar(self, field: FieldDescriptor) -> Any:
        random = self._random
        if field.cpp_type in _RANGES:
            low, high = _RANGES[field.cpp_type]
            enum = field.enum_type
            if enum is not None and not self._one_in(3):
                return random.choice(enum.values).number
            chosen = random.choice((*_INTEGERS, *_WIDE, low, high, random.randint(low, high)))
            return min(max(chosen, low), high)
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_BOOL:
                return random.random() < 0.5
            case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
                return random.choice((*_BYTES, random.randbytes(random.randrange(200))))
            case FieldDescriptor.CPPTYPE_STRING:
                return self._string()
            case _:
                return random.choice((*_REALS, random.uniform(-1e3, 1e3)))

    def _string(self) -> str:
        random = self._random
        if self._one_in(_LARGE_EVERY):
            return random.choice((*_STRINGS[1:], "ab ")) * random.randrange(_LONG_TEXT)
        if self._words and self._one_in(2):
            return random.choice(self._words)
        return random.choice(_STRINGS)

    def _one_in(self, often: int) -> bool:
        return self._random.randrange(often) == 0


def broken(data: bytes, other: bytes, random: Random) -> bytes:
    """Break bytes in one place, or put the others behind them."""
    place = random.randint(0, len(data))
    end = min(len(data), place + random.randrange(16))
    match random.randrange(8):
        case 0:  # a bit is another
            flipped = bytearray(data or b"\0")
            flipped[place % len(flipped)] ^= 1 << random.randrange(8)
            return bytes(flipped)
        case 1:
            return data[:place]
        case 2:
            return data[:place] + random.choice(_BAD_VARINTS) + data[place:]
        case 3:  # no UTF-8, where it was a text
            return data[:place] + b"\xff\xfe\xc0"[: end - place] + data[end:]
        case 4:  # all fields twice, both members of a oneof
            return data + other
        case 5:
            return data[:end] + data[place:]
        case 6:  # groups, unknown fields and wire types that there are not
            return data[:place] + random.randbytes(random.randrange(1, 9)) + data[place:]
        case _:
            return data[:place] + data[end:]
