import pickle
from collections.abc import Callable
from typing import Any, NoReturn

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from learnwire.v1 import prediction_pb2 as pb
from learnwire_client import (
    CallError,
    Client,
    DeadlineExceeded,
    EndpointNotFound,
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
from learnwire_client.channel import ChannelOptions
from learnwire_client.status import from_status

from tests.client.serving import nobody, serving

ONCE = ChannelOptions(retries=0)


def packed(*details: Any) -> list[any_pb2.Any]:
    packs = [any_pb2.Any() for _ in details]
    for pack, detail in zip(packs, details, strict=True):
        pack.Pack(detail)
    return packs


def rich_status(code: grpc.StatusCode) -> status_pb2.Status:
    violation = error_details_pb2.BadRequest.FieldViolation
    number: int = code.value[0]
    return status_pb2.Status(
        code=number,
        message="the input does not fit",
        details=packed(
            error_details_pb2.ErrorInfo(
                reason="INVALID_INPUT", domain="learnwire", metadata={"limit": "3"}
            ),
            error_details_pb2.BadRequest(
                field_violations=[
                    violation(field='row.cells["a"]', description="expected a string"),
                    violation(field='row.cells["b"]', description="expected a float"),
                ]
            ),
            error_details_pb2.RetryInfo(
                retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000)
            ),
        ),
    )


def error_of(end_call: Callable[[grpc.ServicerContext], NoReturn]) -> CallError:
    """Make a call that the server ends so, and give what the caller catches."""

    def predict(request: object, context: grpc.ServicerContext) -> pb.Prediction:
        end_call(context)

    with (
        serving(predict) as target,
        Client(target, options=ONCE) as client,
        pytest.raises(CallError) as caught,
    ):
        client.predict("m", "text")
    return caught.value


MEANINGS = [
    (grpc.StatusCode.INVALID_ARGUMENT, InvalidInput),
    (grpc.StatusCode.NOT_FOUND, NotFound),
    (grpc.StatusCode.UNAVAILABLE, Unavailable),
    (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, ResourceExhausted),
    (grpc.StatusCode.INTERNAL, ServerFailed),
    (grpc.StatusCode.UNKNOWN, ServerFailed),
    (grpc.StatusCode.PERMISSION_DENIED, PermissionDenied),
    (grpc.StatusCode.UNAUTHENTICATED, Unauthenticated),
]


@pytest.mark.parametrize(("code", "error_type"), MEANINGS)
def test_each_code_is_an_error_of_its_meaning_with_its_details(
    code: grpc.StatusCode, error_type: type[CallError]
) -> None:
    error = error_of(
        lambda context: context.abort_with_status(rpc_status.to_status(rich_status(code)))
    )
    assert type(error) is error_type
    assert error.code is code
    assert error.message == "the input does not fit"
    assert error.reason == "INVALID_INPUT"
    assert error.violations == (
        Violation('row.cells["a"]', "expected a string"),
        Violation('row.cells["b"]', "expected a float"),
    )
    assert error.retry_after == 1.5
    assert error.metadata == {"limit": "3"}
    assert isinstance(error.__cause__, grpc.RpcError)


@pytest.mark.parametrize(("code", "error_type"), MEANINGS)
def test_an_item_error_is_the_same_error(
    code: grpc.StatusCode, error_type: type[CallError]
) -> None:
    error = from_status(rich_status(code))
    assert type(error) is error_type
    assert error.code is code
    assert (error.reason, len(error.violations), error.retry_after) == ("INVALID_INPUT", 2, 1.5)


def test_the_text_has_the_message_and_each_violation_on_a_line_of_its_own() -> None:
    assert str(from_status(rich_status(grpc.StatusCode.INVALID_ARGUMENT))).splitlines() == [
        "the input does not fit",
        '  row.cells["a"]: expected a string',
        '  row.cells["b"]: expected a float',
    ]


def test_an_error_without_details_has_code_and_message() -> None:
    error = error_of(lambda context: context.abort(grpc.StatusCode.NOT_FOUND, "no such model"))
    assert type(error) is NotFound
    assert (error.message, error.reason, error.violations) == ("no such model", "", ())
    assert error.retry_after is None
    assert error.metadata == {}


@pytest.mark.parametrize(
    ("reason", "error_type"),
    [("MODEL_NOT_FOUND", ModelNotFound), ("ENDPOINT_NOT_FOUND", EndpointNotFound)],
)
def test_the_reason_tells_what_was_not_found(reason: str, error_type: type[CallError]) -> None:
    info = error_details_pb2.ErrorInfo(reason=reason, domain="learnwire")
    status = status_pb2.Status(code=5, message="it is not there", details=packed(info))
    error = from_status(status)
    assert type(error) is error_type
    assert isinstance(error, NotFound)


@pytest.mark.parametrize(
    "trailer",
    [b"\xff\xff\xff", status_pb2.Status(code=5, message="other").SerializeToString()],
    ids=["broken", "of another error"],
)
def test_a_broken_details_trailer_leaves_code_and_message(trailer: bytes) -> None:
    def end_call(context: grpc.ServicerContext) -> NoReturn:
        context.set_trailing_metadata((("grpc-status-details-bin", trailer),))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad input")

    error = error_of(end_call)
    assert type(error) is InvalidInput
    assert error.message == "bad input"


def test_a_broken_detail_is_passed_over() -> None:
    status = rich_status(grpc.StatusCode.INVALID_ARGUMENT)
    status.details[1].value = b"\xff\xff\xff"
    error = from_status(status)
    assert (error.reason, error.violations) == ("INVALID_INPUT", ())


def test_an_unknown_code_is_a_failure_of_the_server() -> None:
    assert type(from_status(status_pb2.Status(code=999))) is ServerFailed


def test_an_exception_in_the_server_is_a_failure_of_the_server() -> None:
    def predict(request: object, context: object) -> pb.Prediction:
        raise RuntimeError("a bug")

    with (
        serving(predict) as target,
        Client(target) as client,
        pytest.raises(ServerFailed),
    ):
        client.predict("m", "text")


def test_where_nobody_listens_the_call_is_unavailable_and_tells_the_next_step() -> None:
    with (
        nobody() as target,
        Client(target, timeout=20, options=ONCE) as client,
        pytest.raises(Unavailable, match=f"no server answers at {target}: start one with `learn"),
    ):
        client.predict("m", "text")


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, "timeout="),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "max_message_bytes"),
        (grpc.StatusCode.UNIMPLEMENTED, "a Learnwire server"),
    ],
)
def test_an_error_of_the_transport_tells_the_next_step(code: grpc.StatusCode, step: str) -> None:
    assert step in error_of(lambda context: context.abort(code, "no")).message


def test_a_server_that_is_loading_tells_its_own_next_step() -> None:
    status = rpc_status.to_status(rich_status(grpc.StatusCode.UNAVAILABLE))
    error = error_of(lambda context: context.abort_with_status(status))
    assert "start one" not in str(error)


def test_an_error_can_be_pickled() -> None:
    error = from_status(rich_status(grpc.StatusCode.INVALID_ARGUMENT))
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is InvalidInput
    assert vars(back) == vars(error)
