"""predict_stream of both clients, and slow sources of both their methods for many items."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from itertools import count
from queue import SimpleQueue
from threading import Event, Semaphore
from typing import Any
from weakref import ref

import grpc
import numpy as np
import pandas as pd
import pytest
from google.rpc import status_pb2
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import PredictStreamRequest, PredictStreamResponse
from learnwire_client import (
    AsyncClient,
    CallError,
    ChannelOptions,
    Client,
    DeadlineExceeded,
    InvalidInput,
    ResourceExhausted,
    ServerFailed,
    Unavailable,
)
from learnwire_client.exchange import WINDOW, Exchange
from learnwire_client.repeated import Repeated

from tests.client.echo import double, told
from tests.client.serving import nobody, passing, serving

ONCE = ChannelOptions(retries=0)
METHODS = ["predict_stream", "predict_many"]


def reply(request: PredictStreamRequest) -> PredictStreamResponse:
    """Answer twice the number of a text; a negative one fails."""
    value = float(request.request.text.content.split()[0])
    if value < 0:
        status = status_pb2.Status(code=3, message=f"negative {value:g}")
        return PredictStreamResponse(id=request.id, status=status)
    answer = pb.Prediction(model="m", version="v1", regression=pb.Regression(values=[2 * value]))
    return PredictStreamResponse(id=request.id, prediction=answer)


def at_once(requests: Iterator[PredictStreamRequest], context: object) -> Any:
    return map(reply, requests)


def in_pairs(requests: Iterator[PredictStreamRequest], context: object) -> Any:
    """Answer the second of each two items first."""
    for first in requests:
        yield reply(next(requests))
        yield reply(first)


class Held:
    """A stream that answers no item before the test says so, and tells when it has ended."""

    def __init__(self) -> None:
        self.arrived, self.go_on, self.over = Semaphore(0), Event(), Event()

    def __call__(self, requests: Iterator[PredictStreamRequest], context: Any) -> Any:
        context.add_callback(self.over.set)
        context.add_callback(self.go_on.set)
        for request in requests:
            self.arrived.release()
            self.go_on.wait(60)
            yield reply(request)


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with serving(many=double, stream=at_once) as running:
        yield running


@pytest.fixture(scope="module")
def client(target: str) -> Iterator[Client]:
    with Client(target) as connected:
        yield connected


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """Give what reads a whole stream with one of the clients."""

    def synchronous(target: str, values: Any, **options: Any) -> list[Any]:
        with Client(target, options=options.pop("options", ONCE)) as client:
            return list(client.predict_stream("m", values, **options))

    async def read(target: str, values: Any, **options: Any) -> list[Any]:
        async with AsyncClient(target, options=options.pop("options", ONCE)) as client:
            return [answer async for answer in client.predict_stream("m", values, **options)]

    def asynchronous(target: str, values: Any, **options: Any) -> list[Any]:
        return asyncio.run(read(target, values, **options))

    return synchronous if request.param == "sync" else asynchronous


Ask = Callable[..., list[Any]]


@pytest.mark.parametrize("length", [0, 1, WINDOW + 1, 1000])
@pytest.mark.parametrize("make", [list, iter], ids=["list", "iterator"])
def test_every_value_is_answered_in_order(length: int, make: Any, target: str, ask: Ask) -> None:
    answers = ask(target, make(list(map(str, range(length)))))
    assert [told(answer) for answer in answers] == [2 * i for i in range(length)]


def test_answers_that_come_out_of_order_are_put_in_order(ask: Ask) -> None:
    with serving(stream=in_pairs) as target:
        assert [told(a) for a in ask(target, map(str, range(100)))] == list(range(0, 200, 2))


def test_without_an_order_each_answer_comes_when_it_is_ready_with_its_index(ask: Ask) -> None:
    with serving(stream=in_pairs) as target:
        answers = ask(target, map(str, range(100)), ordered=False)
    assert [i for i, _ in answers] == [i ^ 1 for i in range(100)]
    assert all(told(answer) == 2 * i for i, answer in answers)


def test_failed_items_are_errors_in_their_places_and_know_their_index(
    target: str, ask: Ask
) -> None:
    large = "5 " + "x" * 2**12
    values: list[Any] = ["1", object(), "-2", "\ud800", large, {"x": b""}, "6"]
    answers = ask(target, values)
    assert [told(answers[i]) for i in (0, 4, 6)] == [2, 10, 12]
    failed = [answers[i] for i in (1, 2, 3, 5)]
    assert all(isinstance(error, InvalidInput) for error in failed)
    assert [error.index for error in failed] == [1, 2, 3, 5]
    assert told(answers[2]) == "negative -2"


def test_a_value_above_the_channels_limit_fails_alone(target: str) -> None:
    with Client(target, options=ChannelOptions(max_message_bytes=2**10)) as client:
        answers = list(client.predict_stream("m", ["1", "2 " + "x" * 2**10, "3"]))
    assert [told(answers[0]), told(answers[2])] == [2, 6]
    assert isinstance(answers[1], ResourceExhausted)


def test_the_rows_of_a_frame_are_answered_one_by_one(ask: Ask) -> None:
    def rows(requests: Iterator[PredictStreamRequest], context: object) -> Any:
        for request in requests:
            number = request.request.row.cells["x"].number_value
            request.request.text.content = f"{number}"
            yield reply(request)

    with serving(stream=rows) as target:
        answers = ask(target, pd.DataFrame({"x": range(5)}))
    assert [told(answer) for answer in answers] == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("method", METHODS)
def test_a_source_that_waits_for_each_answer_is_answered_item_by_item(
    method: str, client: Client
) -> None:
    answered: SimpleQueue[Any] = SimpleQueue()

    def source() -> Iterator[Any]:
        for i in range(50):
            yield {"bad": []} if i % 10 == 7 else str(-i if i % 10 == 3 else i)
            assert answered.get(timeout=60) == i

    for i, answer in enumerate(getattr(client, method)("m", source())):
        assert isinstance(answer, CallError) if i % 10 in (3, 7) else told(answer) == 2 * i
        answered.put(i)
    assert i == 49


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["asynchronous", "blocking"])
def test_so_is_one_of_the_other_client(method: str, kind: str, target: str) -> None:
    def blocking(answered: "SimpleQueue[int]") -> Iterator[str]:
        for i in range(50):
            yield str(-i if i % 10 == 3 else i)
            assert answered.get(timeout=60) == i

    async def asynchronous(answered: "asyncio.Queue[int]") -> AsyncIterator[str]:
        for i in range(50):
            yield str(-i if i % 10 == 3 else i)
            assert await answered.get() == i

    async def main() -> int:
        answered: Any = asyncio.Queue() if kind == "asynchronous" else SimpleQueue()
        values: Any = (asynchronous if kind == "asynchronous" else blocking)(answered)
        i = -1
        async with AsyncClient(target) as client:
            async for answer in getattr(client, method)("m", values):
                i += 1
                assert told(answer) == (f"negative -{i}" if i % 10 == 3 else 2 * i)
                answered.put_nowait(i) if kind == "asynchronous" else answered.put(i)
        return i

    assert asyncio.run(main()) == 49


def test_a_slow_reader_holds_the_source_back(client: Client) -> None:
    read = count()
    answers = client.predict_stream("m", (str(next(read)) for _ in count()))
    assert next(read) == 0
    assert [told(next(answers)) for _ in range(10)] == list(range(2, 22, 2))
    assert next(read) <= WINDOW + 12
    answers.close()


def test_so_does_one_of_the_other_client(target: str) -> None:
    read = count()

    async def source() -> AsyncIterator[str]:
        for i in read:
            yield str(i)

    async def main() -> None:
        async with (
            AsyncClient(target) as client,
            aclosing(client.predict_stream("m", source())) as answers,
        ):
            assert [told(await anext(answers)) for _ in range(10)] == list(range(0, 20, 2))

    asyncio.run(main())
    assert next(read) <= WINDOW + 12


@pytest.mark.parametrize("leave", ["close", "del", "raise"])
def test_leaving_early_cancels_the_call_and_closes_the_source(leave: str) -> None:
    held, closed = Held(), Event()

    def source() -> Iterator[Any]:
        try:
            yield {"bad": []}
            yield from map(str, count())
        finally:
            closed.set()

    def read(answers: Any) -> None:
        for _ in answers:
            assert held.arrived.acquire(timeout=60)
            if leave == "close":
                answers.close()
            elif leave == "raise":
                raise KeyboardInterrupt
            else:
                break

    with serving(stream=held) as target, Client(target, timeout=None) as client:
        if leave == "raise":
            with pytest.raises(KeyboardInterrupt):
                read(client.predict_stream("m", source()))
        else:
            read(client.predict_stream("m", source()))
        assert closed.wait(60)
        assert held.over.wait(60)


@pytest.mark.parametrize("method", METHODS)
def test_a_source_that_is_in_the_middle_of_a_value_is_closed_behind_it(
    method: str, client: Client
) -> None:
    entered, go_on, closed = Event(), Event(), Event()

    def source() -> Iterator[str]:
        try:
            yield "1"
            entered.set()
            go_on.wait(60)
            yield "2"
            raise AssertionError("not to be read")
        finally:
            closed.set()

    values = source()
    answers = getattr(client, method)("m", values)
    assert told(next(answers)) == 2
    assert entered.wait(60)
    answers.close()
    assert not closed.is_set()
    go_on.set()
    assert closed.wait(60)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("leave", ["close", "cancel"])
def test_leaving_an_asynchronous_source_closes_it_at_once(
    method: str, leave: str, target: str
) -> None:
    closed = Event()

    async def source() -> AsyncIterator[str]:
        try:
            yield "1"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def main() -> None:
        async with AsyncClient(target) as client:
            answers = getattr(client, method)("m", source())
            assert told(await anext(answers)) == 2
            if leave == "close":
                await answers.aclose()
            else:
                waiting = asyncio.create_task(anext(answers))
                await asyncio.sleep(0)  # let it begin to wait
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            assert closed.is_set()

    asyncio.run(main())


@pytest.mark.parametrize("method", METHODS)
def test_what_the_source_raises_comes_after_the_answers_to_what_it_gave(
    method: str, client: Client
) -> None:
    def source() -> Iterator[str]:
        yield from map(str, range(100))
        raise KeyboardInterrupt

    answers = getattr(client, method)("m", source())
    assert [told(next(answers)) for _ in range(100)] == list(range(0, 200, 2))
    with pytest.raises(KeyboardInterrupt):
        next(answers)


@pytest.mark.parametrize("method", METHODS)
def test_so_does_what_an_asynchronous_source_raises(method: str, target: str) -> None:
    async def source() -> AsyncIterator[str]:
        for i in range(100):
            yield str(i)
        raise OSError("the file is gone")

    async def main() -> None:
        async with AsyncClient(target) as client:
            answers = getattr(client, method)("m", source())
            assert [told(await anext(answers)) for _ in range(100)] == list(range(0, 200, 2))
            with pytest.raises(OSError, match="gone"):
                await anext(answers)

    asyncio.run(main())


@pytest.mark.parametrize("method", METHODS)
def test_the_source_is_read_in_the_callers_context(method: str, client: Client) -> None:
    variable = contextvars.ContextVar("variable", default="1")
    variable.set("21")
    [answer] = getattr(client, method)("m", (variable.get() for _ in range(1)))
    assert told(answer) == 42


def test_a_server_that_does_not_answer_in_time_ends_the_stream(ask: Ask) -> None:
    held = Held()
    with (
        serving(stream=held) as target,
        pytest.raises(DeadlineExceeded, match=r"item 0: no answer came within 0\.3 s") as caught,
    ):
        ask(target, map(str, count()), timeout=0.3)
    assert caught.value.index == 0
    assert held.over.wait(60)


def test_time_passes_only_while_an_item_waits_for_its_answer() -> None:
    exchange = Exchange("m", ordered=True, seconds=0, max_bytes=2**20, classes_of=lambda _: ())
    assert exchange.seconds_left() == 0
    request = exchange.send("1")
    assert request is not None
    with pytest.raises(DeadlineExceeded):
        exchange.seconds_left()
    exchange.receive(reply(request))
    assert exchange.seconds_left() == 0


def test_a_stream_that_fails_raises_behind_the_answers_before_it(ask: Ask) -> None:
    def failing(requests: Iterator[PredictStreamRequest], context: grpc.ServicerContext) -> Any:
        yield reply(next(requests))
        context.abort(grpc.StatusCode.UNAVAILABLE, "draining")

    with serving(stream=failing) as target, Client(target, options=ONCE) as client:
        answers = client.predict_stream("m", map(str, count()))
        assert told(next(answers)) == 0
        with pytest.raises(Unavailable, match="item 1: draining"):
            next(answers)
        with pytest.raises(Unavailable):
            ask(target, map(str, count()))


def loading() -> status_pb2.Status:
    [(_, packed)] = passing().trailing_metadata
    return status_pb2.Status.FromString(packed)


class Loading:
    """Refuses the first calls, or the items of them, and then answers as others do."""

    def __init__(self, refused: int, *, items: bool) -> None:
        self._refused, self._items = refused, items
        self.asked: list[list[str]] = []
        self.again = Event()

    def __call__(self, requests: Iterator[PredictStreamRequest], context: Any) -> Any:
        asked: list[str] = []
        self.asked.append(asked)
        is_refused = len(self.asked) <= self._refused
        for request in requests:
            asked.append(request.request.text.content)
            if not is_refused:
                self.again.set()
                yield reply(request)
            elif self._items:
                yield PredictStreamResponse(id=request.id, status=loading())
            else:
                context.abort_with_status(passing())


def test_what_a_loading_server_refuses_is_sent_again_from_the_first_item(ask: Ask) -> None:
    server = Loading(2, items=True)
    with serving(stream=server) as target:
        answers = ask(target, map(str, range(200)), options=ChannelOptions())
    assert [told(answer) for answer in answers] == list(range(0, 400, 2))
    assert [asked[0] for asked in server.asked] == ["0", "0", "0"]
    assert server.asked[2] == list(map(str, range(200)))


@pytest.mark.parametrize("items", [False, True], ids=["the call", "its items"])
def test_a_source_that_waits_is_read_only_once(items: bool, ask: Ask) -> None:
    server = Loading(1, items=items)

    def source() -> Iterator[str]:
        yield "0"
        assert server.again.wait(60)
        yield from ["1", "2"]

    with serving(stream=server) as target:
        answers = ask(target, source(), options=ChannelOptions())
    assert [told(answer) for answer in answers] == [0, 2, 4]
    assert server.asked == [["0"], ["0", "1", "2"]]


def test_items_that_are_refused_to_the_last_try_have_their_errors(ask: Ask) -> None:
    server = Loading(9, items=True)
    with serving(stream=server) as target:
        answers = ask(target, map(str, range(3)), options=ChannelOptions(retries=1))
    assert [(type(error), error.index) for error in answers] == [
        (Unavailable, 0),
        (Unavailable, 1),
        (Unavailable, 2),
    ]
    assert len(server.asked) == 2


def test_leaving_ends_the_waiting_for_the_next_try() -> None:
    came, closed = Event(), Event()

    def refusing(requests: Iterator[PredictStreamRequest], context: Any) -> Any:
        came.set()
        context.abort_with_status(passing(delay=600))

    def source() -> Iterator[Any]:
        try:
            yield {"bad": []}
            yield from map(str, count())
        finally:
            closed.set()

    with serving(stream=refusing) as target, Client(target, timeout=None) as client:
        answers = client.predict_stream("m", source())
        assert isinstance(next(answers), InvalidInput)
        assert came.wait(60)
        answers.close()
        assert closed.wait(60)


def test_what_was_sent_is_let_go_of_once_it_is_answered() -> None:
    requests = Repeated(iter([{i} for i in range(5)]))
    begun = iter(requests)
    first = ref(next(begun))
    next(begun)
    again = iter(requests)
    assert next(again) == {0}
    requests.settle()
    assert list(again) == [{1}, {2}, {3}, {4}]
    assert list(begun) == []
    assert first() is None


def test_nobody_there_is_told(ask: Ask) -> None:
    with nobody() as target, pytest.raises(Unavailable, match=f"no server answers at {target}"):
        ask(target, map(str, count()))


@pytest.mark.parametrize(
    "response",
    [
        [PredictStreamResponse(id="7", prediction=pb.Prediction())],
        [PredictStreamResponse(id="0")],
        [],
    ],
    ids=["nobody's", "empty", "too few"],
)
def test_answers_that_do_not_fit_are_a_failure_of_the_server(response: Any, ask: Ask) -> None:
    def unfit(requests: Iterator[PredictStreamRequest], context: object) -> Any:
        assert len(list(requests)) == 2
        yield from response

    with serving(stream=unfit) as target, pytest.raises(ServerFailed):
        ask(target, iter(["1", "2"]))


@pytest.mark.parametrize("values", ["text", b"text", {"x": 1}, 5, None, np.array(1)])
def test_one_value_is_not_taken_for_a_stream(values: Any, client: Client) -> None:
    with pytest.raises(TypeError, match="put it in"):
        client.predict_stream("m", values)


def test_an_asynchronous_source_belongs_to_the_other_client(client: Client) -> None:
    async def source() -> AsyncIterator[str]:
        yield "1"

    for method in METHODS:
        with pytest.raises(TypeError, match="AsyncClient"):
            getattr(client, method)("m", source())
