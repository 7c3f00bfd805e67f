"""Messages as JSON, as protobuf has it; what is no field of a message is refused by its name."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from learnwire_client.errors import Violation

from ..common.bounds import Bounds
from ..common.errors import InvalidInput, LearnwireError, MalformedMessage
from ..common.spelling import meant
from ..rpc.reading import Reader

_TAKER = "the request"
_MOST_FAULTS = 20
# One that is not closed ends with the text, so that no part is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
    FieldDescriptor.CPPTYPE_FLOAT,
    FieldDescriptor.CPPTYPE_DOUBLE,
}


def reader(parse: Reader, bounds: Bounds) -> Callable[[bytes], Any]:
    """Give what reads a method's requests from JSON, within the bounds of those from bytes.

    Args:
        parse: reads them from bytes.
        bounds: the most that they may hold.
    """
    return partial(_read, parse, bounds.max_elements)


def written(message: Message) -> bytes:
    """Write a message as JSON, in a line; what is zero or empty is told, too."""
    told = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _read(parse: Reader, most: int, data: bytes) -> Any:
    """Give the message, or the error that stands for it."""
    try:
        check_size(data, most)
        return parse.read(_parsed(parse.message(), data).SerializeToString())
    except LearnwireError as error:
        return error


def check_size(data: bytes, most: int) -> None:
    """Refuse what becomes far more than it is as bytes, before anything is made of it."""
    if len(data) <= most:
        return
    bare = _STRING.sub(b"", data)
    if (values := sum(map(bare.count, (b",", b"[", b"{")))) > most:
        raise InvalidInput(
            f"expected at most {most} values in JSON, got {values}; send numbers as base64 in "
            "`data`, fewer at a time, or raise --max-elements of the server"
        )


def read_json(data: bytes) -> Any:
    """Read JSON, whose objects have each name once.

    Raises:
        MalformedMessage: it is none.
    """
    try:
        return json.loads(data.decode(), object_pairs_hook=_object)
    except RecursionError:
        problem = "it is too deep"
    except ValueError as error:
        # Behind a semicolon Python advises its programmers.
        problem = str(error).partition(";")[0]
    raise MalformedMessage(f"the request's body is no JSON: {problem}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the name {_got(twice)} twice")
    return found


def _parsed(message: Message, data: bytes) -> Message:
    try:
        json_format.Parse(data, message)
    except (json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise _error(message.DESCRIPTOR, data, error) from None
    return message


def _error(descriptor: Any, data: bytes, error: Exception) -> LearnwireError:
    try:
        told = read_json(data)
    except MalformedMessage as malformed:
        return malformed
    if not isinstance(told, dict):
        return MalformedMessage(f"expected a JSON object, the {descriptor.name}, got {_got(told)}")
    try:
        faults = list(islice(_faults(descriptor, told, ""), _MOST_FAULTS))
    except RecursionError:
        return MalformedMessage(f"the {descriptor.name} is too deep")
    if faults:
        return InvalidInput(faults, _TAKER)
    # What is left, such as a number beyond its type, the library tells.
    return InvalidInput(f"the request is no {descriptor.name}: {_last(str(error))}")


def _last(problem: str) -> str:
    """Leave out where it was found, which is told once for each message around it."""
    return problem.rpartition("field: ")[2].rstrip(".")


def _faults(descriptor: Descriptor, told: dict[str, Any], path: str) -> Iterator[Violation]:
    by_name = {name: one for one in descriptor.fields for name in (one.name, one.json_name)}
    for name, value in told.items():
        field = by_name.get(name)
        if field is None:
            yield Violation(f"{path}{name}", _unknown(name, descriptor))
        elif value is not None:
            yield from _faults_of(field, value, f"{path}{field.name}")


def _unknown(name: str, descriptor: Descriptor) -> str:
    names = [field.name for field in descriptor.fields]
    way_out = meant(name, names) or f", only {', '.join(names[:20]) or 'none'}"
    return f"{descriptor.name} has no field {_got(name)}{way_out}"


def _faults_of(field: FieldDescriptor, value: Any, path: str) -> Iterator[Violation]:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        if not isinstance(value, dict):
            yield Violation(path, f"expected an object, got {_got(value)}")
            return
        for key, one in value.items():
            yield from _faults_of(message.fields_by_name["value"], one, f'{path}["{key}"]')
    elif field.is_repeated:
        if not isinstance(value, list):
            yield Violation(path, f"expected a list, got {_got(value)}")
            return
        for number, one in enumerate(value):
            yield from _faults_of_one(field, one, f"{path}[{number}]")
    else:
        yield from _faults_of_one(field, value, path)


def _faults_of_one(field: FieldDescriptor, value: Any, path: str) -> Iterator[Violation]:
    message = field.message_type
    if message is not None:
        # Those of Google are written in their own ways.
        if message.file.package == "google.protobuf":
            return
        if isinstance(value, dict):
            yield from _faults(message, value, f"{path}.")
        else:
            yield Violation(path, f"expected an object, the {message.name}, got {_got(value)}")
    elif fault := _wrong_scalar(field, value):
        yield Violation(path, f"expected {fault}, got {_got(value)}")


def _wrong_scalar(field: FieldDescriptor, value: Any) -> str:
    """Give what was expected; "" where it is that."""
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return "" if isinstance(value, bool) else "true or false"
    if field.enum_type is not None:
        names = [one.name for one in field.enum_type.values]
        known = value in names or (isinstance(value, int) and not isinstance(value, bool))
        return "" if known else f"one of {', '.join(names[:20])}"
    if kind in _NUMBERS:
        return "" if _is_number(value) else "a number"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "" if isinstance(value, str) else "bytes as base64"
    return "" if isinstance(value, str) else "a string"


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)


def _got(value: Any) -> str:
    """Name a value, which may be long."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    told = json.dumps(value, ensure_ascii=False)
    return told if len(told) <= 80 else f"{told[:80]}..."
