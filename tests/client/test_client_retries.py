"""Which calls are tried again, by both clients, over real sockets."""

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import chain, count
from threading import Event, Thread
from typing import Any

import grpc
import numpy as np
import pytest
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1 import prediction_service_pb2 as service_pb
from learnwire_client import AsyncClient, CallError, ChannelOptions, Client, Unavailable

from .relay import relay_to
from .serving import nobody, passing, serving, single_label

ONCE_MORE = ChannelOptions(retries=1)
LOST_TOO = ChannelOptions(retry_lost=True)


def chunk() -> service_pb.PredictManyResponse:
    columns = pb.Predictions(predictions=[single_label()])
    return service_pb.PredictManyResponse(model="m", version="v1", predictions=columns)


class Server:
    """Counts its calls, and ends the first of them with a status, or by what it is told to do."""

    def __init__(self, times: int, end: Callable[[grpc.ServicerContext], Any]) -> None:
        self._times, self._end = times, end
        self._count = count()
        self.calls = 0

    def predict(self, request: Any, context: grpc.ServicerContext) -> pb.Prediction:
        self.calls = next(self._count) + 1
        if self.calls <= self._times:
            self._end(context)
        return single_label()

    def many(
        self, request: service_pb.PredictManyRequest, context: grpc.ServicerContext
    ) -> Iterator[service_pb.PredictManyResponse]:
        self.predict(request, context)
        yield chunk()

    def stream(
        self, requests: Iterator[service_pb.PredictStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[service_pb.PredictStreamResponse]:
        first = next(requests)
        self.predict(first, context)
        for request in chain([first], requests):
            yield service_pb.PredictStreamResponse(id=request.id, prediction=single_label())


def refusing(times: int, status: Any) -> Server:
    return Server(times, lambda context: context.abort_with_status(status))


def ask(target: str, options: ChannelOptions, timeout: float = 30) -> str:
    with Client(target, options=options, timeout=timeout) as client:
        return str(client.predict("m", "text").label)


def ask_async(target: str, options: ChannelOptions, timeout: float = 30) -> str:
    async def asked() -> str:
        async with AsyncClient(target, options=options, timeout=timeout) as client:
            return str((await client.predict("m", "text")).label)

    return asyncio.run(asked())


def ask_many(target: str, options: ChannelOptions, timeout: float = 30) -> str:
    with Client(target, options=options, timeout=timeout) as client:
        (answer,) = client.predict_many("m", ["text"], errors="raise")
        return str(answer.label)


def ask_many_async(target: str, options: ChannelOptions, timeout: float = 30) -> str:
    async def asked() -> str:
        async with AsyncClient(target, options=options, timeout=timeout) as client:
            answers = client.predict_many("m", ["text"], errors="raise")
            (label,) = [str(answer.label) async for answer in answers]
            return label

    return asyncio.run(asked())


def label_of(answer: Any) -> str:
    return str(answer.label)


def ask_stream(target: str, options: ChannelOptions, timeout: float = 30) -> str:
    with Client(target, options=options, timeout=timeout) as client:
        (answer,) = client.predict_stream("m", iter(["text"]))
        return label_of(answer)


def ask_stream_async(target: str, options: ChannelOptions, timeout: float = 30) -> str:
    async def asked() -> str:
        async with AsyncClient(target, options=options, timeout=timeout) as client:
            answers = client.predict_stream("m", iter(["text"]))
            (label,) = [label_of(answer) async for answer in answers]
            return label

    return asyncio.run(asked())


ways = pytest.mark.parametrize(
    "asking", [ask, ask_async, ask_many, ask_many_async, ask_stream, ask_stream_async]
)


@ways
def test_what_the_server_refuses_for_the_moment_is_tried_again(asking: Any) -> None:
    server = refusing(2, passing())
    with serving(server.predict, server.many, server.stream) as target:
        assert asking(target, ChannelOptions()) == "yes"
    assert server.calls == 3


@ways
def test_what_found_no_connection_is_tried_again(asking: Any) -> None:
    server = refusing(0, passing())
    with (
        serving(server.predict, server.many, server.stream) as target,
        relay_to(target, refused=2) as relay,
    ):
        assert asking(relay.target, ChannelOptions()) == "yes"
        assert relay.connections == 3
    assert server.calls == 1


@pytest.mark.slow
@ways
def test_a_call_whose_connection_broke_after_it_was_sent_is_not_tried_again(asking: Any) -> None:
    server = Server(9, lambda context: relay.cut())
    with (
        serving(server.predict, server.many, server.stream) as target,
        relay_to(target) as relay,
        pytest.raises(Unavailable),
    ):
        asking(relay.target, ChannelOptions())
    assert server.calls == 1


@ways
def test_unless_its_caller_allows_it(asking: Any) -> None:
    server = Server(2, lambda context: relay.cut())
    with serving(server.predict, server.many, server.stream) as target, relay_to(target) as relay:
        assert asking(relay.target, LOST_TOO) == "yes"
    assert server.calls == 3


@ways
@pytest.mark.parametrize("retries", [0, 1])
def test_a_call_is_tried_again_only_so_often(retries: int, asking: Any) -> None:
    server = refusing(9, passing())
    with (
        serving(server.predict, server.many, server.stream) as target,
        pytest.raises(Unavailable, match="try again"),
    ):
        asking(target, ChannelOptions(retries=retries))
    assert server.calls == retries + 1


@pytest.mark.parametrize(
    "end",
    [
        lambda context: context.abort(grpc.StatusCode.UNAVAILABLE, "no upstream"),
        lambda context: context.abort_with_status(passing(domain="elsewhere")),
        lambda context: context.abort(grpc.StatusCode.INTERNAL, "broken"),
    ],
    ids=["of a proxy", "of another service", "of another code"],
)
def test_another_status_is_not_tried_again(end: Any) -> None:
    server = Server(9, end)
    with serving(server.predict) as target, pytest.raises(CallError):
        ask(target, ChannelOptions())
    assert server.calls == 1


def test_a_large_request_is_tried_again_too() -> None:
    server = refusing(1, passing())
    with serving(server.predict) as target, Client(target) as client:
        assert client.predict("m", np.zeros(2**20)).label == "yes"
    assert server.calls == 2


@pytest.mark.parametrize("asking", [ask_many, ask_many_async])
def test_a_stream_that_broke_after_its_first_answer_is_not_begun_again(asking: Any) -> None:
    calls = count()

    def many(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        next(calls)
        yield chunk()
        context.abort_with_status(passing())

    with serving(many=many) as target, pytest.raises(Unavailable):
        asking(target, LOST_TOO)
    assert next(calls) == 1


@ways
def test_the_server_says_how_long_to_wait(asking: Any) -> None:
    server = refusing(1, passing(delay=0.6))
    start = time.monotonic()
    with serving(server.predict, server.many, server.stream) as target:
        asking(target, ONCE_MORE)
    assert time.monotonic() - start >= 0.6


@ways
def test_what_would_come_after_the_timeout_is_not_waited_for(asking: Any) -> None:
    server = refusing(9, passing(delay=600))
    with (
        serving(server.predict, server.many, server.stream) as target,
        pytest.raises(Unavailable, match="try again"),
    ):
        asking(target, ChannelOptions(), timeout=60)
    assert server.calls == 1


def test_closing_the_client_ends_the_waiting() -> None:
    came = Event()

    def end(context: grpc.ServicerContext) -> None:
        came.set()
        context.abort_with_status(passing(600))

    server = Server(9, end)
    errors: list[CallError] = []

    def asked() -> None:
        try:
            client.predict("m", "text")
        except CallError as error:
            errors.append(error)

    with serving(server.predict) as target, Client(target, timeout=None) as client:
        thread = Thread(target=asked)
        thread.start()
        assert came.wait(30)
        client.close()
        thread.join(30)
    assert len(errors) == 1


def test_a_call_may_wait_for_a_server_that_is_not_there_yet() -> None:
    options = ChannelOptions(wait_for_ready=True, retries=0)
    with nobody() as target, Client(target, options=options, timeout=0.5) as client:
        with pytest.raises(CallError) as caught:
            client.predict("m", "text")
        assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    server = refusing(0, passing())
    with serving(server.predict) as target, relay_to(target, refused=3) as relay:
        assert ask(relay.target, options) == "yes"
