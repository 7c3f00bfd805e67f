"""The one place where errors become statuses, by AIP-193."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from learnwire_client.errors import Violation

from ..common.errors import (
    ChangeRefused,
    ContractNotServed,
    DeadlineExceeded,
    EndpointError,
    EndpointFailed,
    EndpointNotFound,
    Forbidden,
    InvalidInput,
    InvalidTag,
    LearnwireError,
    MalformedMessage,
    MemoryShort,
    ModelFailed,
    ModelNotFound,
    ModelNotReady,
    NotServed,
    QueueFull,
    QuotaReached,
    RunnerClosed,
    ServiceNotReady,
    TooLarge,
    Unauthenticated,
    UnknownEncoding,
    UnknownMethod,
    WrongMethod,
)

DOMAIN = "learnwire"

_T = TypeVar("_T")

_CODES: dict[type[LearnwireError], grpc.StatusCode] = {
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidTag: grpc.StatusCode.INVALID_ARGUMENT,
    MalformedMessage: grpc.StatusCode.INVALID_ARGUMENT,
    ModelNotFound: grpc.StatusCode.NOT_FOUND,
    ContractNotServed: grpc.StatusCode.UNIMPLEMENTED,
    ChangeRefused: grpc.StatusCode.FAILED_PRECONDITION,
    ModelNotReady: grpc.StatusCode.UNAVAILABLE,
    QueueFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    MemoryShort: grpc.StatusCode.RESOURCE_EXHAUSTED,
    TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    QuotaReached: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    RunnerClosed: grpc.StatusCode.UNAVAILABLE,
    ModelFailed: grpc.StatusCode.INTERNAL,
    EndpointFailed: grpc.StatusCode.INTERNAL,
    EndpointNotFound: grpc.StatusCode.NOT_FOUND,
    ServiceNotReady: grpc.StatusCode.UNAVAILABLE,
    WrongMethod: grpc.StatusCode.UNIMPLEMENTED,
    UnknownEncoding: grpc.StatusCode.UNIMPLEMENTED,
    UnknownMethod: grpc.StatusCode.UNIMPLEMENTED,
    NotServed: grpc.StatusCode.UNIMPLEMENTED,
}
_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}
# Errors that pass, and after how long another try makes sense.
_RETRY_SECONDS = {
    ModelNotReady: 1.0,
    ServiceNotReady: 1.0,
    RunnerClosed: 1.0,
    MemoryShort: 1.0,
    QueueFull: 0.2,
}
# Details travel in the trailers, of which clients take about 8 KiB in all.
_MAX_VIOLATIONS_BYTES, _MAX_METADATA_BYTES, _MAX_TEXT_BYTES = 2000, 1000, 500


def is_expected(error: Exception) -> bool:
    """Tell whether an error is one that its receiver is meant to see."""
    return isinstance(error, (EndpointError, *_CODES))


def to_status(error: Exception) -> status_pb2.Status:
    """Make the status of an error; an unexpected one becomes a fixed sentence.

    Its trace is dropped, for it is over: the frames in it hold the request, and each other.
    """
    _forget_trace(error)
    if not is_expected(error):
        error = ModelFailed("the server failed on this call; its log tells more")
    assert isinstance(error, LearnwireError)  # noqa: S101 - is_expected
    own = error if isinstance(error, EndpointError) else None
    code = grpc.StatusCode[own.code] if own else _of_kind(error, _CODES)
    assert code is not None  # noqa: S101 - is_expected
    status = status_pb2.Status(code=code.value[0], message=_clipped(_sentence(error)))
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    if own is not None:
        info.metadata.update(_metadata(own))
    _attach(status, info)
    if violations := _violations(error):
        _attach(status, error_details_pb2.BadRequest(field_violations=violations))
    if (seconds := _retry_seconds(error)) is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(seconds * 1e9))
        _attach(status, error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def _sentence(error: LearnwireError) -> str:
    """Say what happened; the other faults of an input are among the details."""
    return error.message if isinstance(error, InvalidInput) else str(error)


def code_of(status: status_pb2.Status) -> grpc.StatusCode:
    """Give the status's code as gRPC's enum."""
    return _BY_NUMBER[status.code]


def reason_of(status: status_pb2.Status) -> str:
    """Give why, for programs."""
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    reason: str = info.reason
    return reason


def _retry_seconds(error: LearnwireError) -> float | None:
    """Give after how long another try makes sense; None: it does not."""
    if isinstance(error, QuotaReached):
        return error.retry_seconds
    return _of_kind(error, _RETRY_SECONDS)


def _forget_trace(error: BaseException) -> None:
    behind: BaseException | None = error
    seen: set[int] = set()
    while behind is not None and id(behind) not in seen:
        seen.add(id(behind))
        behind.__traceback__ = None
        behind = behind.__cause__ or behind.__context__


def _of_kind(error: Exception, table: Mapping[type[LearnwireError], _T]) -> _T | None:
    """Find what a table has for an error's class, or for the nearest that it is derived from."""
    kinds: Iterable[Any] = type(error).__mro__
    return next((table[kind] for kind in kinds if kind in table), None)


def _violations(error: LearnwireError) -> list[error_details_pb2.BadRequest.FieldViolation]:
    found: Iterable[Violation] = ()
    if isinstance(error, InvalidInput | EndpointError):
        found = error.violations
    elif isinstance(error, InvalidTag):
        found = [Violation(error.field, str(error))]
    violations: list[error_details_pb2.BadRequest.FieldViolation] = []
    left = _MAX_VIOLATIONS_BYTES
    for one in found:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_clipped(one.field), description=_clipped(one.description)
        )
        left -= violation.ByteSize()
        if left < 0:
            break
        violations.append(violation)
    return violations


def _metadata(error: EndpointError) -> dict[str, str]:
    """Give an endpoint's own facts, as many as there is room for."""
    facts: dict[str, str] = {}
    left = _MAX_METADATA_BYTES
    for key, value in error.metadata.items():
        clipped = _clipped(value)
        left -= len(key.encode()) + len(clipped.encode())
        if left < 0:
            break
        facts[key] = clipped
    return facts


def _clipped(text: str) -> str:
    encoded = text.encode(errors="replace")
    clipped = encoded[:_MAX_TEXT_BYTES].decode(errors="ignore")
    return clipped if len(encoded) <= _MAX_TEXT_BYTES else f"{clipped}..."


def _attach(status: status_pb2.Status, detail: Message) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)
