"""Counts what the bytes of a message hold, before protobuf makes anything of them."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from learnwire_client.errors import FieldError, below

from ..common.bounds import Bounds
from .wire import END_GROUP, LENGTH, START_GROUP, Malformed, Record, records

# Beyond a bound the elements are counted on, to be told, but not for ever.
_COUNTED = 2**20
# The most fields that an element has of itself: the entry of a map, its key and value, the
# value's kind.
_FIELDS_EACH = 4
_FIELDS_AROUND = 100
# As deep as protobuf goes.
_MAX_DEPTH = 100

_BOUNDS = {
    "learnwire.v1.TabularRow.cells": "max_cells",
    "learnwire.v1.Table.columns": "max_cells",
    "learnwire.v1.Texts.contents": "max_items",
}
_VALUE = "google.protobuf.Value"
_NULL, _NUMBER, _STRING, _BOOL = 0x08, 0x11, 0x1A, 0x20
_WIDTHS = {
    FieldDescriptor.TYPE_DOUBLE: 8,
    FieldDescriptor.TYPE_FIXED64: 8,
    FieldDescriptor.TYPE_SFIXED64: 8,
    FieldDescriptor.TYPE_FLOAT: 4,
    FieldDescriptor.TYPE_FIXED32: 4,
    FieldDescriptor.TYPE_SFIXED32: 4,
}


class _Field(NamedTuple):
    """What is to be known of a field.

    Attributes:
        name: its name.
        bound: the name of the bound on its elements; None where it has one.
        width: the bytes of each of its numbers; 0 where they differ, None where it holds none.
        message: the fields of its message by their numbers, where it holds one.
        plain: tells how many fields such a message has where that takes a look; 0 where not.
    """

    name: str
    bound: str | None
    width: int | None
    message: "Mapping[int, _Field] | None"
    plain: Callable[[bytes, int, int], int] | None


class Counting:
    """Counts what messages of one type hold.

    Args:
        descriptor: the type.
        bounds: the most that they may hold.
    """

    def __init__(self, descriptor: Descriptor, bounds: Bounds) -> None:
        self._bounds = bounds
        self._fields = _fields_of(descriptor, {})

    def check(self, data: bytes) -> None:
        """Check the bytes of a message.

        Raises:
            FieldError: it holds more than it may.
            Malformed: they are no message.
        """
        _Count(data, self._bounds).add(self._fields, 0, len(data), {}, 0)


class _Count:
    """The count of one message."""

    def __init__(self, data: bytes, bounds: Bounds) -> None:
        self._data = data
        self._bounds = bounds
        self._elements = 0
        elements = max(bounds.max_elements, bounds.max_cells, bounds.max_items)
        self._most = self._left = elements * _FIELDS_EACH + _FIELDS_AROUND

    def add(
        self,
        fields: Mapping[int, _Field],
        start: int,
        end: int,
        held: dict[int, Any],
        depth: int,
    ) -> None:
        """Add a message within the message.

        Args:
            fields: those of its type.
            start: where it begins.
            end: where it ends.
            held: what it held where it began before, since protobuf takes both for one: by the
                fields' numbers how many elements, or what a message held.
            depth: how many messages it is in.
        """
        if depth > _MAX_DEPTH:
            raise Malformed
        within = records(self._data, start, end)
        groups = 0
        for record in within:
            number, kind, begin, stop = record
            field = fields.get(number)
            self._left -= 1
            if self._left < 0:
                name = field.name if field else f"field {number}"
                raise FieldError(name, f"expected at most {self._most} fields in all, got more")
            if kind in (START_GROUP, END_GROUP):
                groups += 1 if kind == START_GROUP else -1
                if not 0 <= groups <= _MAX_DEPTH:
                    raise Malformed
            elif field is not None and not groups:
                if field.bound:
                    self._add_elements(field, field.bound, record, held, within)
                if field.message is not None and kind == LENGTH and begin < stop:
                    self._add_message(field, record, held, depth)
        if groups:
            raise Malformed

    def _add_elements(
        self,
        field: _Field,
        bound: str,
        record: Record,
        held: dict[int, Any],
        rest: Iterator[Record],
    ) -> None:
        count = self._size(field, record)
        held[record[0]] = total = held.get(record[0], 0) + count
        if bound == "max_elements":  # which are those of all lists together
            self._elements = total = self._elements + count
        most = getattr(self._bounds, bound)
        if total <= most:
            return
        for one in islice(rest, _COUNTED):
            total += self._size(field, one) if one[0] == record[0] else 0
        least = "at least " if next(rest, None) else ""
        raise FieldError(
            field.name,
            f"expected at most {most} {bound.removeprefix('max_')}, got {least}{total}; "
            f"send fewer at a time, or raise --{bound.replace('_', '-')} of the server",
        )

    def _add_message(self, field: _Field, record: Record, held: dict[int, Any], depth: int) -> None:
        number, _, start, end = record
        if field.plain is not None and (count := field.plain(self._data, start, end)):
            self._left -= count
            return
        assert field.message is not None  # noqa: S101 - see `add`
        if field.bound:
            with below(f"{field.name}[{held[number] - 1}]"):
                self.add(field.message, start, end, {}, depth + 1)
        else:
            with below(field.name):
                self.add(field.message, start, end, held.setdefault(number, {}), depth + 1)

    def _size(self, field: _Field, record: Record) -> int:
        """Tell how many elements a record has: numbers may be packed."""
        _, kind, start, end = record
        if field.width is None or kind != LENGTH:
            return 1
        if field.width:
            return (end - start) // field.width
        # The last byte of each number, and no other, has its highest bit unset.
        return int(np.count_nonzero(np.frombuffer(self._data, np.int8, end - start, start) >= 0))


def _fields_of(descriptor: Descriptor, known: dict[str, dict[int, _Field]]) -> Mapping[int, _Field]:
    """Give the fields of a type that hold, at any depth, more than one of anything."""
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    fields = known[descriptor.full_name] = {}
    for field in descriptor.fields:
        message = field.message_type
        fields[field.number] = _Field(
            field.name,
            _bound_of(field),
            _width_of(field),
            _fields_of(message, known) if message else None,
            _plain_of(message) if message else None,
        )
    return fields


def _bound_of(field: FieldDescriptor) -> str | None:
    if not field.is_repeated:
        return None
    if _width_of(field) is not None:
        return "max_numbers"
    holds_items = field.message_type and field.message_type.file.package != "google.protobuf"
    return _BOUNDS.get(field.full_name, "max_items" if holds_items else "max_elements")


def _width_of(field: FieldDescriptor) -> int | None:
    if field.cpp_type in (FieldDescriptor.CPPTYPE_MESSAGE, FieldDescriptor.CPPTYPE_STRING):
        return None
    return _WIDTHS.get(field.type, 0)


def _plain_of(message: Descriptor) -> Callable[[bytes, int, int], int] | None:
    if message.full_name == _VALUE:
        return _plain_value
    if not message.GetOptions().map_entry:
        return None
    value = message.fields_by_name["value"].message_type
    return _plain_cell if value and value.full_name == _VALUE else None


def _plain_value(data: bytes, start: int, end: int) -> int:
    """Count the fields of a Value that is a number, a short string, a bool or null."""
    kind, size = data[start], end - start
    if kind == _NUMBER:
        return size == 9
    if kind == _STRING:
        return size > 1 and data[start + 1] < 128 and size == data[start + 1] + 2
    return kind in (_NULL, _BOOL) and size == 2


def _plain_cell(data: bytes, start: int, end: int) -> int:
    """Count the fields of a map's entry that has a short key and a plain Value."""
    if end - start < 6 or data[start] != 0x0A or data[start + 1] > 127:
        return 0
    value = start + 2 + data[start + 1]
    if value + 2 >= end or data[value] != 0x12 or value + 2 + data[value + 1] != end:
        return 0
    return 2 + count if (count := _plain_value(data, value + 2, end)) else 0
