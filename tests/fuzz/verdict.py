"""What a server must not do, whatever it is sent."""

from collections.abc import Iterator, Sequence

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2

_CODE = grpc.StatusCode
# What may be said of a message that somebody made up.
_REFUSALS = {
    _CODE.OK,
    _CODE.INVALID_ARGUMENT,
    _CODE.NOT_FOUND,
    _CODE.UNIMPLEMENTED,
    _CODE.RESOURCE_EXHAUSTED,
    _CODE.FAILED_PRECONDITION,
    _CODE.OUT_OF_RANGE,
    _CODE.PERMISSION_DENIED,
    _CODE.UNAUTHENTICATED,
}
_ALLOWED = {code.value[0] for code in _REFUSALS}
# Whatever has these was meant for the log.
_OF_THE_INSIDE = ("Traceback", 'File "', ".py", "site-packages", "object at 0x")

# What INTERNAL says of what nobody foresaw, where its code is not told.
_UNEXPECTED = "its log tells more"


def fault_of(code: grpc.StatusCode, message: str, answers: Sequence[Message]) -> str | None:
    """Tell what was wrong with the end of a call, or with its answers; None: nothing."""
    if code not in _REFUSALS:
        return f"{code.name}: {message}"
    if code is not _CODE.OK and (problem := _problem_of(message)):
        return f"{code.name} {problem}: {message}"
    for answer in answers:
        for status in _statuses(answer):
            if status.code not in _ALLOWED:
                return f"{code_pb2.Code.Name(status.code)} of an item: {status.message}"
            if problem := _problem_of(status.message):
                return f"an item's status {problem}: {status.message}"
        # How the Open Inference Protocol's streams tell of an item that failed.
        told = getattr(answer, "error_message", "")
        if told and (problem := _problem_of(told) or _unexpected(told)):
            return f"an item's error {problem}: {told}"
    return None


def _unexpected(message: str) -> str | None:
    return "that nobody expected" if _UNEXPECTED in message else None


def inside_of(message: str) -> str | None:
    """Tell what in a message was meant for the log; None: nothing."""
    found = [sign for sign in _OF_THE_INSIDE if sign in message]
    return f"with {found[0]!r}" if found else None


def _problem_of(message: str) -> str | None:
    return inside_of(message) if message else "without a word"


def _statuses(message: Message) -> Iterator[status_pb2.Status]:
    """Give the statuses in a message, at any depth."""
    if message.DESCRIPTOR.full_name == status_pb2.Status.DESCRIPTOR.full_name:
        yield status_pb2.Status.FromString(message.SerializeToString())
        return
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for one in value if field.is_repeated else [value]:
            yield from _statuses(one)
