"""A contract's requests to items: what is to be read is found out once for each contract."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from learnwire_client.arrays import AnyArray
from learnwire_client.errors import FieldError, Violation
from learnwire_client.rows import cell_path

from ..common.errors import InvalidInput
from ..contracts.contract import Field
from ..signature.specs import (
    ArrayInput,
    ArraysInput,
    CellType,
    Column,
    InputSpec,
    TabularInput,
    TextInput,
)
from ..signature.validation import NULL_HINT, PartialRow
from .typed_arrays import decode_typed_array

# Null has no other way in these messages.
_UNSET_HINT = "; leave the field out where its value is missing"

# A message of a contract's to the item that is in it; InvalidInput where it contradicts itself.
Decode = Callable[[Any], object]


def decoder(fields: Sequence[Field], spec: InputSpec) -> Decode:
    """Give what brings the requests with these fields to items for that input."""
    match spec:
        case TextInput():
            return _text_decoder(fields[0].name)
        case TabularInput(columns=columns):
            return _row_decoder(fields, columns)
        case ArrayInput():
            return _array_decoder(fields[0].name, spec)
        case ArraysInput(arrays=arrays):
            decoders = [
                _array_decoder(field.name, one) for field, one in zip(fields, arrays, strict=True)
            ]
            return lambda request: tuple(decode(request) for decode in decoders)


def _text_decoder(name: str) -> Decode:
    def decode(request: Any) -> str:
        if not request.HasField(name):
            problem = "expected a text, got nothing; stubs generated anew can send an empty one"
            raise InvalidInput([Violation(name, problem)])
        text: str = getattr(request, name)
        return text

    return decode


def _row_decoder(fields: Sequence[Field], columns: Sequence[Column]) -> Decode:
    names = {field.original: field.name for field in fields}
    plan = [(names[column.name], column.name) for column in columns]
    moments = {
        column.name: _moment_reader(column, names[column.name])
        for column in columns
        if column.type is CellType.TIMESTAMP
    }

    def decode(request: Any) -> PartialRow:
        is_set = request.HasField
        row = PartialRow({column: getattr(request, name) for name, column in plan if is_set(name)})
        for column, read in moments.items():
            if column in row:
                row[column] = read(row[column])
        return row

    return decode


def _moment_reader(column: Column, field: str) -> Callable[[Timestamp], str]:
    """Give what spells a moment as the column does, whose zone, if any, a Timestamp lacks."""
    known = [(datetime.fromisoformat(str(one)), str(one)) for one in column.categories or ()]
    has_zone = any(moment.tzinfo is not None for moment, _ in known)
    spelled = {_in_utc(moment): text for moment, text in known}

    def read(message: Timestamp) -> str:
        try:
            moment = message.ToDatetime(UTC)
        except (ValueError, OverflowError):
            problem = "expected a Timestamp from year 1 to 9999, got another"
            raise InvalidInput([Violation(field, problem)]) from None
        plain = moment if has_zone else moment.replace(tzinfo=None)
        return spelled.get(moment, plain.isoformat())

    return read


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _array_decoder(name: str, spec: ArrayInput) -> Callable[[Any], AnyArray]:
    read = attrgetter(name)

    def decode(request: Any) -> AnyArray:
        if not request.HasField(name):
            raise InvalidInput([Violation(name, "expected an array, got nothing")])
        try:
            return decode_typed_array(read(request), spec)
        except FieldError as error:
            raise InvalidInput([error.below(name).violation]) from None

    return decode


class Paths:
    """Where the faults of an item are in the request of a contract.

    Args:
        fields: the request's fields.
        spec: what the model takes.
    """

    def __init__(self, fields: Sequence[Field], spec: InputSpec) -> None:
        self._paths: dict[str, str] = {}
        match spec:
            case TextInput():
                self._paths["text.content"] = fields[0].name
            case TabularInput():
                self._paths["row.cells"] = ", ".join(field.name for field in fields)
                for field in fields:
                    self._paths[f"row.{cell_path(field.original)}"] = field.name
            case ArrayInput():
                self._add_array("array", fields[0])
            case ArraysInput():
                for i, field in enumerate(fields):
                    self._add_array(f"arrays.arrays[{i}]", field)

    def _add_array(self, path: str, field: Field) -> None:
        self._paths[f"{path}.shape"] = f"{field.name}.shape"
        self._paths[f"{path}.data"] = f"{field.name}.values"

    def typed(self, error: InvalidInput) -> InvalidInput:
        """Return the error with the paths that the caller knows."""
        return InvalidInput([self._typed(one) for one in error.violations])

    def _typed(self, violation: Violation) -> Violation:
        return Violation(
            self._paths.get(violation.field, violation.field),
            violation.description.replace(NULL_HINT, _UNSET_HINT),
        )
