"""Endpoints: both clients call them, over a socket."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, closing
from threading import Semaphore
from typing import Any, TypeAlias

import grpc
import numpy as np
import pandas as pd
import pytest
from google.protobuf import any_pb2, json_format
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from learnwire.v1 import endpoint_service_pb2 as pb
from learnwire.v1 import io_pb2
from learnwire_client import (
    AsyncClient,
    CallError,
    ChannelOptions,
    Client,
    DeadlineExceeded,
    Endpoint,
    EndpointNotFound,
    EndpointStatistics,
    InvalidInput,
    ServerFailed,
    SingleLabel,
)
from learnwire_client.descriptions import decode_endpoint, decode_endpoint_statistics
from learnwire_client.endpoint import Descriptor
from learnwire_client.model import Column
from learnwire_client.statistics import Distribution

from tests.client.serving import Endpoints, serving

Target: TypeAlias = Callable[..., Any]

ROW = {"island": "Dream", "year": 2007.0, "sex": None}
LABEL = SingleLabel("yes", 1, np.array([0.25, 0.75], np.float32)).signed("m", "v1")


def echo(request: pb.CallRequest, context: grpc.ServicerContext) -> pb.Payload:
    """Give back the input, or of inputs by name their names."""
    if request.HasField("input"):
        return request.input
    return text(" ".join(sorted(request.inputs)))


def count(request: pb.CallStreamRequest, context: grpc.ServicerContext) -> Iterator[pb.Payload]:
    """Give back the input as often as its text says."""
    for _ in range(int(request.input.text.content)):
        yield request.input


def text(content: str) -> pb.Payload:
    return pb.Payload(text=io_pb2.Text(content=content))


class Stuck:
    """Answers once and then never again; it tells when it begins to wait and when it is over."""

    def __init__(self) -> None:
        self.began, self.over = Semaphore(0), Semaphore(0)

    def call(self, request: object, context: grpc.ServicerContext) -> pb.Payload:
        over = Semaphore(0)
        context.add_callback(over.release)
        self.began.release()
        over.acquire(timeout=60)
        self.over.release()
        return pb.Payload()

    def stream(self, request: object, context: grpc.ServicerContext) -> Iterator[pb.Payload]:
        yield text("first")
        yield self.call(request, context)


def call(target: str, *arguments: Any, own: float | None = 30, **options: Any) -> Any:
    with Client(target, timeout=own, options=ChannelOptions(retries=0)) as client:
        return client.call(*arguments, **options)


def async_call(target: str, *arguments: Any, own: float | None = 30, **options: Any) -> Any:
    async def main() -> Any:
        once = ChannelOptions(retries=0)
        async with AsyncClient(target, timeout=own, options=once) as client:
            return await client.call(*arguments, **options)

    return asyncio.run(main())


def stream(target: str, *arguments: Any, own: float | None = 30, **options: Any) -> list[Any]:
    with Client(target, timeout=own, options=ChannelOptions(retries=0)) as client:
        return list(client.stream(*arguments, **options))


def async_stream(target: str, *arguments: Any, own: float | None = 30, **options: Any) -> list[Any]:
    async def main() -> list[Any]:
        once = ChannelOptions(retries=0)
        async with AsyncClient(target, timeout=own, options=once) as client:
            return [answer async for answer in client.stream(*arguments, **options)]

    return asyncio.run(main())


both_calls = pytest.mark.parametrize("ask", [call, async_call])
all_ways = pytest.mark.parametrize("ask", [call, async_call, stream, async_stream])


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """A server whose endpoints echo."""
    with serving(endpoints=Endpoints(call=echo, stream=count)) as running:
        yield running


@both_calls
def test_each_kind_of_value_goes_in_and_comes_out(ask: Target, target: str) -> None:
    assert ask(target, "echo", "a 🐧") == "a 🐧"
    assert ask(target, "echo", ROW) == ROW
    assert ask(target, "echo", pd.Series(ROW)) == ROW
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]})
    pd.testing.assert_frame_equal(ask(target, "echo", frame), frame)
    np.testing.assert_array_equal(ask(target, "echo", np.eye(2)), np.eye(2))
    answer = ask(target, "echo", LABEL)
    assert (repr(answer), answer.version) == (repr(LABEL), "v1")


@both_calls
def test_inputs_by_name_may_have_any_name(ask: Target, target: str) -> None:
    inputs = {"timeout": "x", "endpoint": ROW, "inputs": np.eye(2), "": "y"}
    assert ask(target, "names", inputs=inputs) == " endpoint inputs timeout"


@both_calls
def test_an_endpoint_may_take_nothing(ask: Target, target: str) -> None:
    assert ask(target, "nothing") == ""
    assert ask(target, "nothing", inputs={}) == ""


@pytest.mark.parametrize("ask", [stream, async_stream])
def test_a_stream_gives_its_answers_in_order(ask: Target) -> None:
    def letters(request: pb.CallStreamRequest, context: object) -> Iterator[pb.Payload]:
        yield from map(text, request.inputs["word"].text.content)

    with serving(endpoints=Endpoints(stream=letters)) as target:
        assert ask(target, "letters", inputs={"word": "abc"}) == ["a", "b", "c"]
        assert ask(target, "letters", inputs={"word": ""}) == []


@all_ways
def test_what_cannot_be_sent_fails_before_there_is_a_call(ask: Target, target: str) -> None:
    with pytest.raises(InvalidInput, match=r'input.row.cells\["a"\]'):
        ask(target, "echo", {"a": []})
    with pytest.raises(TypeError, match=r"inputs\.a: expected a str .* got set"):
        ask(target, "echo", inputs={"a": set()})


def test_a_stream_refuses_at_once_and_begins_with_the_first_answer_asked_for() -> None:
    stuck = Stuck()
    with serving(endpoints=Endpoints(stream=stuck.stream)) as target, Client(target) as client:
        with pytest.raises(TypeError):
            client.stream("endless", {5})  # type: ignore[arg-type]  # the point
        client.stream("endless", "never asked for")
        answers = client.stream("endless", "asked for")
        assert next(answers) == "first"
        assert stuck.began.acquire(timeout=60)
        assert not stuck.began.acquire(blocking=False)
        answers.close()


@pytest.mark.parametrize("leave", ["close", "let go", "break"])
def test_leaving_a_stream_cancels_its_call(leave: str) -> None:
    stuck = Stuck()
    endpoints = Endpoints(stream=stuck.stream)
    with serving(endpoints=endpoints) as target, Client(target, timeout=None) as client:
        answers = client.stream("endless", "a")
        next(answers)
        assert stuck.began.acquire(timeout=60)
        if leave == "close":
            answers.close()
        elif leave == "let go":
            del answers
        else:
            with closing(client.stream("endless", "b")) as others:
                for _ in others:
                    break
            answers.close()
        assert stuck.over.acquire(timeout=60)


def test_leaving_an_asynchronous_stream_cancels_its_call() -> None:
    stuck = Stuck()

    async def use(target: str) -> None:
        async with AsyncClient(target, timeout=None) as client:
            async with aclosing(client.stream("endless", "a")) as answers:
                assert await anext(answers) == "first"
                assert await asyncio.to_thread(stuck.began.acquire, timeout=60)
            assert await asyncio.to_thread(stuck.over.acquire, timeout=60)

    with serving(endpoints=Endpoints(stream=stuck.stream)) as target:
        asyncio.run(use(target))


@pytest.mark.parametrize("method", ["call", "stream"])
def test_cancelling_a_task_cancels_its_call(method: str) -> None:
    stuck = Stuck()

    async def ask(client: AsyncClient) -> None:
        if method == "call":
            await client.call("stuck", "a")
        else:
            async for _ in client.stream("stuck", "a"):
                pass

    async def use(target: str) -> None:
        async with AsyncClient(target, timeout=None) as client:
            task = asyncio.create_task(ask(client))
            assert await asyncio.to_thread(stuck.began.acquire, timeout=60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(stuck.over.acquire, timeout=60)

    with serving(endpoints=Endpoints(call=stuck.call, stream=stuck.stream)) as target:
        asyncio.run(use(target))


@all_ways
@pytest.mark.parametrize(("own", "options"), [(0.2, {}), (None, {"timeout": 0.2})])
def test_a_slow_answer_ends_with_the_timeout(
    ask: Target, own: float | None, options: Mapping[str, Any]
) -> None:
    stuck = Stuck()
    endpoints = Endpoints(call=stuck.call, stream=stuck.stream)
    with serving(endpoints=endpoints) as target, pytest.raises(DeadlineExceeded, match="timeout="):
        ask(target, "stuck", "a", own=own, **options)


def refusing(code: grpc.StatusCode, message: str, reason: str, **metadata: str) -> Endpoints:
    """Offer endpoints that fail so, the streaming ones after their first answer."""
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="d", metadata=metadata))
    status = status_pb2.Status(code=code.value[0], message=message, details=[packed])

    def fail(request: object, context: grpc.ServicerContext) -> pb.Payload:
        return context.abort_with_status(rpc_status.to_status(status))

    def fail_later(request: object, context: grpc.ServicerContext) -> Iterator[pb.Payload]:
        yield text("first")
        yield fail(request, context)

    return Endpoints(call=fail, stream=fail_later)


@all_ways
def test_an_unknown_endpoint_is_not_found(ask: Target) -> None:
    sentence = 'there is no endpoint "clasify"; there is classify'
    endpoints = refusing(grpc.StatusCode.NOT_FOUND, sentence, "ENDPOINT_NOT_FOUND")
    with serving(endpoints=endpoints) as target, pytest.raises(EndpointNotFound) as caught:
        ask(target, "clasify", "a")
    assert str(caught.value) == sentence


@all_ways
def test_an_endpoints_own_error_keeps_code_message_reason_and_metadata(ask: Target) -> None:
    endpoints = refusing(
        grpc.StatusCode.FAILED_PRECONDITION, "no account", "NO_ACCOUNT", customer="7"
    )
    with serving(endpoints=endpoints) as target, pytest.raises(CallError) as caught:
        ask(target, "balance", "a")
    error = caught.value
    assert type(error) is CallError
    assert (error.code, error.message) == (grpc.StatusCode.FAILED_PRECONDITION, "no account")
    assert (error.reason, error.metadata) == ("NO_ACCOUNT", {"customer": "7"})


def test_the_answers_before_an_error_are_given() -> None:
    endpoints = refusing(grpc.StatusCode.ABORTED, "enough", "ENOUGH")
    with serving(endpoints=endpoints) as target, Client(target) as client:
        answers = client.stream("short", "a")
        assert next(answers) == "first"
        with pytest.raises(CallError, match="enough"):
            next(answers)


@all_ways
def test_an_answer_that_cannot_be_read_is_a_failure_of_the_server(ask: Target) -> None:
    bad = pb.Payload(array=io_pb2.NdArray(shape=[2]))
    endpoints = Endpoints(call=lambda *_: bad, stream=lambda *_: iter([bad]))
    with serving(endpoints=endpoints) as target, pytest.raises(ServerFailed, match=r"array\.data"):
        ask(target, "bad", "a")


COLUMNS = [{"name": "island", "type": "COLUMN_TYPE_STRING", "nullable": True}, {"name": "year"}]
ENDPOINT = {
    "name": "compare",
    "service": "demo",
    "description": "Compares.\n\nAt length.",
    "inputs": [
        {"name": "text", "io": {"text": {"maxChars": 1000}}},
        {"name": "row", "io": {"row": {"columns": COLUMNS}}},
        {"name": "others", "io": {"table": {}}},
        {"name": "of", "io": {"prediction": {}}},
    ],
    "output": {
        "array": {
            "shape": {"dimensions": [-1, 2]},
            "dataType": "DATA_TYPE_FLOAT32",
            "enforceShape": True,
        }
    },
    "streaming": True,
}
PAGE = """\
compare of demo
  Compares.

  At length.
takes
  text    a text of at most 1000 characters
  row     a row of island (string or null), year (any)
  others  a table of any columns
  of      a prediction
answers an array: float32 [any, 2], any number of times"""


def described(**fields: Any) -> Endpoint:
    return decode_endpoint(json_format.ParseDict({**ENDPOINT, **fields}, pb.Endpoint()))


def test_the_endpoints_are_listed() -> None:
    endpoint = described()

    async def listed(target: str) -> list[Endpoint]:
        async with AsyncClient(target) as client:
            return await client.endpoints()

    with serving(endpoints=Endpoints([endpoint.message])) as target:
        with Client(target) as client:
            assert client.endpoints() == [endpoint]
        assert asyncio.run(listed(target)) == [endpoint]


def test_an_endpoint_is_described() -> None:
    endpoint = described()
    assert (endpoint.name, endpoint.service, endpoint.streaming) == ("compare", "demo", True)
    assert endpoint.description == "Compares.\n\nAt length."
    assert endpoint.inputs == {
        "text": Descriptor("text", max_chars=1000),
        "row": Descriptor(
            "row", columns=(Column("island", "string", nullable=True), Column("year", ""))
        ),
        "others": Descriptor("table"),
        "of": Descriptor("prediction"),
    }
    assert endpoint.output == Descriptor(
        "array", shape=(-1, 2), dtype=np.dtype(np.float32), enforce_shape=True
    )


def test_an_endpoint_is_a_page_to_read() -> None:
    assert repr(described()) == PAGE


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"inputs": []}, "takes nothing"),
        ({"inputs": [{"io": {"text": {}}}]}, "takes a text"),
        ({"inputs": [{}]}, "takes something that this client does not know"),
        ({"output": {"array": {}}, "streaming": False}, "answers an array: any type of any shape"),
        ({"output": {"text": {}}}, "answers a text, any number of times"),
    ],
)
def test_each_kind_has_its_line(fields: Any, line: str) -> None:
    assert line in repr(described(**fields)).splitlines()


def test_an_array_of_any_shape_is_none_of_no_dimension() -> None:
    assert described(output={"array": {}}).output.shape is None
    assert described(output={"array": {"shape": {}}}).output.shape == ()


STATISTICS = {
    "endpoint": "compare",
    "since": "2026-10-11T10:12:13Z",
    "answered": 1204,
    "failed": 1,
    "invalid": 6,
    "refused": 3,
    "expired": 2,
    "cancelled": 4,
    "inFlight": 5,
    "seconds": {"count": 1000, "sum": 10, "p50": 0.0004, "p90": 0.0125, "p99": 1.5},
}
STATISTICS_PAGE = """\
compare since 2026-10-11 10:12 UTC
1204 answered, 1 failed, 6 invalid, 3 refused, 2 expired, 4 cancelled; 5 in flight now
                  mean   p50     p90      p99
  time of a call  10 ms  0.4 ms  12.5 ms  1.5 s"""


def test_the_statistics_of_an_endpoint_are_read() -> None:
    async def read(target: str) -> EndpointStatistics:
        async with AsyncClient(target) as client:
            return await client.endpoint_statistics("compare")

    with serving() as target:
        with Client(target) as client:
            found = client.endpoint_statistics("compare")
        assert asyncio.run(read(target)) == found
    assert (found.endpoint, found.answered, found.since) == ("compare", 3, None)
    assert found.seconds == Distribution()
    assert repr(found).startswith("compare\n3 answered, 0 failed")


def test_statistics_are_a_page_to_read() -> None:
    message = json_format.ParseDict(STATISTICS, pb.EndpointStatistics())
    assert repr(decode_endpoint_statistics(message)) == STATISTICS_PAGE
