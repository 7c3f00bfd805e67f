"""Statuses from the wire to exceptions."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status

from .errors import (
    CallError,
    DeadlineExceeded,
    EndpointNotFound,
    FieldError,
    InvalidInput,
    ModelNotFound,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    ServerFailed,
    Unauthenticated,
    Unavailable,
    Violation,
)
from .hints import told

Detail = TypeVar("Detail", bound=Message)

_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_ERRORS: dict[grpc.StatusCode, type[CallError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidInput,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.INTERNAL: ServerFailed,
    grpc.StatusCode.UNKNOWN: ServerFailed,
}
REQUEST_ID = "x-request-id"
# Where the server's reason tells more than the code.
_BY_REASON = {"MODEL_NOT_FOUND": ModelNotFound, "ENDPOINT_NOT_FOUND": EndpointNotFound}
# What grpc.aio says of a stream that ended while a message was being sent, in place of why.
ENDED_WHILE_SENDING = "Internal error from Core"
# How gRPC begins what it says of a call whose connection it gave up, since what came over it was
# not what had been sent: TLS tells, and it calls that UNKNOWN.
_BROKE = "Stream removed"


class StatusError(grpc.RpcError):
    """A status that came in a message, as that of a call.

    Args:
        status: it.
        request_id: of the call that it came in.
    """

    def __init__(self, status: status_pb2.Status, request_id: str = "") -> None:
        super().__init__(status.message)
        self._status = rpc_status.to_status(status)
        self._request_id = request_id

    def code(self) -> grpc.StatusCode:
        """See grpc.Call."""
        return self._status.code

    def details(self) -> str:
        """See grpc.Call."""
        return self._status.details

    def initial_metadata(self) -> Any:
        """See grpc.Call."""
        return ()

    def trailing_metadata(self) -> Any:
        """See grpc.Call."""
        return (*self._status.trailing_metadata, (REQUEST_ID, self._request_id))


@contextmanager
def call_errors(target: str) -> Iterator[None]:
    """Raise what goes wrong in a call to `target` as a CallError."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error, target) from error
    except FieldError as error:
        raise ServerFailed(
            grpc.StatusCode.INTERNAL, f"the answer of {target} cannot be read: {error}"
        ) from error


@contextmanager
def async_call_errors(target: str) -> Iterator[None]:
    """As `call_errors`, in a task: also what ends because the client was closed."""
    try:
        with call_errors(target):
            yield
    except asyncio.CancelledError:
        # gRPC ends the calls of a closed channel so, in tasks that nobody cancelled.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise CallError(
            grpc.StatusCode.CANCELLED, "the client was closed during the call"
        ) from None


def from_status(status: status_pb2.Status) -> CallError:
    """Make the error that a status tells of."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    info = detail_of(status, ErrorInfo)
    bad_request = detail_of(status, BadRequest)
    retry = detail_of(status, RetryInfo)
    reason = info.reason if info else ""
    return (_BY_REASON.get(reason) or _ERRORS.get(code, CallError))(
        code,
        status.message,
        reason,
        tuple(
            Violation(violation.field, violation.description)
            for violation in (bad_request.field_violations if bad_request else ())
        ),
        retry.retry_delay.ToTimedelta().total_seconds() if retry else None,
        dict(info.metadata) if info else None,
    )


def from_rpc_error(error: grpc.RpcError, target: str) -> CallError:
    """Make the error that a failed call to `target` ended with."""
    status = status_of(error)
    found = _unexplained(error, target) if status is None else from_status(status)
    trailer: Any = error.trailing_metadata() or ()
    found.request_id = next((str(value) for key, value in trailer if key == REQUEST_ID), "")
    return found


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    """Give the code of a failed call: UNAVAILABLE wherever its connection was lost."""
    code: grpc.StatusCode = error.code()
    broke = code is grpc.StatusCode.UNKNOWN and (error.details() or "").startswith(_BROKE)
    return grpc.StatusCode.UNAVAILABLE if broke else code


def _unexplained(error: grpc.RpcError, target: str) -> CallError:
    code, message = code_of(error), error.details() or ""
    if message == ENDED_WHILE_SENDING:
        code, message = grpc.StatusCode.UNAVAILABLE, "the server ended the stream meanwhile"
    return _ERRORS.get(code, CallError)(code, told(code, message, target))


def status_of(error: grpc.RpcError) -> status_pb2.Status | None:
    """Give the status in the error's trailer, or None where it is missing or broken."""
    try:
        status: status_pb2.Status | None = rpc_status.from_call(error)  # type: ignore[arg-type]
    except (ValueError, DecodeError):
        return None
    return status


def detail_of(status: status_pb2.Status, kind: type[Detail]) -> Detail | None:
    """Give the first detail of that kind, or None where it is missing or broken."""
    for packed in status.details:
        detail = kind()
        try:
            if packed.Unpack(detail):
                return detail
        except DecodeError:
            return None
    return None
