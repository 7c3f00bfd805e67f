"""gRPC's own interoperability cases, by their names, with the values that they prescribe.

Those of compression are left out, which gRPC does before anything of ours, and those of the
clouds' credentials.
"""

from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from learnwire_service.rpc import permissions

from . import messages as pb
from .server import INITIAL, METHODS, SERVICE, TRAILING, interop

REQUEST_SIZES, RESPONSE_SIZES = (27182, 8, 1828, 45904), (31415, 9, 2653, 58979)
LARGE_REQUEST, LARGE_RESPONSE = 271828, 314159
SECONDS = 60
SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
ROUNDS = 20


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        roles = dict.fromkeys(METHODS, permissions.OPEN)
        patch.setitem(permissions._FIXED, SERVICE, roles)
        with interop() as serves:
            yield serves


@pytest.fixture(scope="module")
def channel(target: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(target) as connected:
        yield connected


def path(name: str) -> str:
    return f"/{SERVICE}/{name}"


def empty_call(channel: grpc.Channel) -> Any:
    return channel.unary_unary(path("EmptyCall"), pb.Empty.SerializeToString, pb.Empty.FromString)


def unary_call(channel: grpc.Channel) -> Any:
    return channel.unary_unary(
        path("UnaryCall"), pb.SimpleRequest.SerializeToString, pb.SimpleResponse.FromString
    )


def input_call(channel: grpc.Channel) -> Any:
    return channel.stream_unary(
        path("StreamingInputCall"), pb.InputRequest.SerializeToString, pb.InputResponse.FromString
    )


def output_call(channel: grpc.Channel) -> Any:
    return channel.unary_stream(
        path("StreamingOutputCall"),
        pb.OutputRequest.SerializeToString,
        pb.OutputResponse.FromString,
    )


def duplex_call(channel: grpc.Channel) -> Any:
    return channel.stream_stream(
        path("FullDuplexCall"), pb.OutputRequest.SerializeToString, pb.OutputResponse.FromString
    )


def large(**more: Any) -> Any:
    payload = pb.Payload(body=bytes(LARGE_REQUEST))
    return pb.SimpleRequest(response_size=LARGE_RESPONSE, payload=payload, **more)


def wanting(*sizes: int, payload: int = 0, interval_us: int = 0) -> Any:
    parameters = [pb.ResponseParameters(size=size, interval_us=interval_us) for size in sizes]
    return pb.OutputRequest(response_parameters=parameters, payload=pb.Payload(body=bytes(payload)))


class Turns:
    """Requests that are sent when they are told."""

    def __init__(self) -> None:
        self._told: SimpleQueue[Any] = SimpleQueue()

    def send(self, request: Any) -> None:
        self._told.put(request)

    def end(self) -> None:
        self._told.put(None)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._told.get, None)


def refused(ask: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    """Tell the error that a call ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        ask()
    error: Any = caught.value
    return error.code(), error.details()


def test_empty_unary(channel: grpc.Channel) -> None:
    assert empty_call(channel)(pb.Empty(), timeout=SECONDS) == pb.Empty()


def test_large_unary(channel: grpc.Channel) -> None:
    answer = unary_call(channel)(large(), timeout=SECONDS)
    assert answer.payload.body == bytes(LARGE_RESPONSE)


def test_client_streaming(channel: grpc.Channel) -> None:
    requests = [pb.InputRequest(payload=pb.Payload(body=bytes(size))) for size in REQUEST_SIZES]
    answer = input_call(channel)(iter(requests), timeout=SECONDS)
    assert answer.aggregated_payload_size == 74922


def test_server_streaming(channel: grpc.Channel) -> None:
    answers = output_call(channel)(wanting(*RESPONSE_SIZES), timeout=SECONDS)
    assert tuple(len(one.payload.body) for one in answers) == RESPONSE_SIZES


def test_ping_pong(channel: grpc.Channel) -> None:
    turns = Turns()
    answers = duplex_call(channel)(iter(turns), timeout=SECONDS)
    for request, response in zip(REQUEST_SIZES, RESPONSE_SIZES, strict=True):
        turns.send(wanting(response, payload=request))
        assert len(next(answers).payload.body) == response
    turns.end()
    assert list(answers) == []


def test_empty_stream(channel: grpc.Channel) -> None:
    assert list(duplex_call(channel)(iter([]), timeout=SECONDS)) == []


def test_custom_metadata(channel: grpc.Channel) -> None:
    sent = ((INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab"))
    _, unary = unary_call(channel).with_call(large(), metadata=sent, timeout=SECONDS)
    turns = [wanting(LARGE_RESPONSE, payload=LARGE_REQUEST)]
    duplex = duplex_call(channel)(iter(turns), metadata=sent, timeout=SECONDS)
    assert len(list(duplex)) == 1
    for call in (unary, duplex):
        assert sent[0] in [tuple(one) for one in call.initial_metadata()]
        assert sent[1] in [tuple(one) for one in call.trailing_metadata()]


@pytest.mark.parametrize(
    "message", ["test status message", SPECIAL], ids=["status_code_and_message", "special"]
)
def test_status_code_and_message(channel: grpc.Channel, message: str) -> None:
    status = pb.EchoStatus(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
    unary = partial(unary_call(channel), pb.SimpleRequest(response_status=status), timeout=SECONDS)
    duplex = duplex_call(channel)(iter([pb.OutputRequest(response_status=status)]), timeout=SECONDS)
    assert refused(unary) == (grpc.StatusCode.UNKNOWN, message)
    assert refused(partial(list, duplex)) == (grpc.StatusCode.UNKNOWN, message)


@pytest.mark.parametrize("method", [path("UnimplementedCall"), "/grpc.testing.Unimplemented/Call"])
def test_unimplemented_method_and_service(channel: grpc.Channel, method: str) -> None:
    call = channel.unary_unary(method, pb.Empty.SerializeToString, pb.Empty.FromString)
    code, _ = refused(partial(call, pb.Empty(), timeout=SECONDS))
    assert code is grpc.StatusCode.UNIMPLEMENTED


def test_cancel_after_begin(channel: grpc.Channel) -> None:
    turns = Turns()
    call = input_call(channel).future(iter(turns), timeout=SECONDS)
    call.cancel()
    turns.end()
    assert call.code() is grpc.StatusCode.CANCELLED


def test_cancel_after_first_response(channel: grpc.Channel) -> None:
    turns = Turns()
    answers = duplex_call(channel)(iter(turns), timeout=SECONDS)
    turns.send(wanting(RESPONSE_SIZES[0], payload=REQUEST_SIZES[0]))
    assert len(next(answers).payload.body) == RESPONSE_SIZES[0]
    answers.cancel()
    turns.end()
    assert refused(partial(list, answers))[0] is grpc.StatusCode.CANCELLED


def test_timeout_on_sleeping_server(channel: grpc.Channel) -> None:
    turns = Turns()
    answers = duplex_call(channel)(iter(turns), timeout=0.001)
    turns.send(wanting(1, payload=REQUEST_SIZES[0], interval_us=10_000_000))
    assert refused(partial(list, answers))[0] is grpc.StatusCode.DEADLINE_EXCEEDED
    turns.end()


def test_rpc_soak(channel: grpc.Channel) -> None:
    call = unary_call(channel)
    for _ in range(ROUNDS):
        assert len(call(large(), timeout=SECONDS).payload.body) == LARGE_RESPONSE


def test_channel_soak(target: str) -> None:
    for _ in range(ROUNDS):
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(target, options=options) as fresh:
            answer = unary_call(fresh)(large(), timeout=SECONDS)
            assert len(answer.payload.body) == LARGE_RESPONSE
