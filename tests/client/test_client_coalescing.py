"""Calls that share a stream, by both clients, over real sockets: who travels how, what comes."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import grpc
import pytest
from google.rpc import status_pb2
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1 import prediction_service_pb2 as service_pb
from learnwire_client import (
    AsyncClient,
    CallError,
    ChannelOptions,
    Client,
    DeadlineExceeded,
    InvalidInput,
    Unavailable,
)

from .serving import passing, serving, single_label

INVALID = grpc.StatusCode.INVALID_ARGUMENT.value[0]
LARGE = "x" * 2**15


class Server:
    """Answers texts by themselves; the first Predict waits until the others have come.

    So all but the first call have company.
    """

    def __init__(self, answer: Callable[[str], Any] = single_label) -> None:
        self.answer = answer
        self.others_came = Event()
        self.alone: list[str] = []
        self.together: list[str] = []
        self.timeouts: list[float] = []
        self.metadata: list[Any] = []

    def predict(self, request: Any, context: grpc.ServicerContext) -> pb.Prediction:
        self.alone.append(request.text.content)
        if len(self.alone) == 1:
            self.others_came.wait(30)
        answer: pb.Prediction | status_pb2.Status = self.answer(request.text.content)
        if isinstance(answer, status_pb2.Status):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, answer.message)
        return answer

    def stream(
        self, requests: Iterator[service_pb.PredictStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[service_pb.PredictStreamResponse]:
        self.metadata.append(dict(context.invocation_metadata()))
        for request in requests:
            response = service_pb.PredictStreamResponse()
            for item in request.items:
                self.together.append(item.request.text.content)
                self.timeouts.append(item.timeout.seconds + item.timeout.nanos / 1e9)
                result = response.results.add(id=item.id)
                answer = self.answer(item.request.text.content)
                is_status = isinstance(answer, status_pb2.Status)
                (result.status if is_status else result.prediction).CopyFrom(answer)
            if request.items:
                yield response


def outcome(ask: Callable[[], Any]) -> Any:
    try:
        return ask().label
    except CallError as error:
        return error


def ask_all(target: str, server: Any, texts: list[str], **options: Any) -> list[Any]:
    """Ask the first alone, and the others while it is under way; they end before it does."""
    with Client(target, **options) as client, ThreadPoolExecutor(len(texts)) as threads:
        first = threads.submit(outcome, lambda: client.predict("m", texts[0]))
        while not server.alone:
            server.others_came.wait(0.01)
        others = threads.map(lambda text: outcome(lambda: client.predict("m", text)), texts[1:])
        found = list(others)
        server.others_came.set()
        return [first.result(), *found]


def ask_all_async(target: str, server: Any, texts: list[str], **options: Any) -> list[Any]:
    async def asked(client: AsyncClient, text: str) -> Any:
        try:
            return (await client.predict("m", text)).label
        except CallError as error:
            return error

    async def main() -> list[Any]:
        async with AsyncClient(target, **options) as client:
            first = asyncio.create_task(asked(client, texts[0]))
            while not server.alone:
                await asyncio.sleep(0.01)
            others = await asyncio.gather(*(asked(client, text) for text in texts[1:]))
            server.others_came.set()
            return [await first, *others]

    return asyncio.run(main())


BOTH = pytest.mark.parametrize("ask", [ask_all, ask_all_async])
TEXTS = [f"text {i}" for i in range(200)]


@BOTH
def test_calls_with_company_share_a_stream_and_each_gets_its_own_answer(ask: Any) -> None:
    server = Server()
    with serving(server.predict, stream=server.stream) as target:
        assert ask(target, server, TEXTS) == TEXTS
    assert server.alone == TEXTS[:1]
    assert sorted(server.together) == sorted(TEXTS[1:])


@BOTH
def test_without_coalescing_each_call_travels_by_itself(ask: Any) -> None:
    server = Server()
    with serving(server.predict, stream=server.stream) as target:
        assert ask(target, server, TEXTS[:9], coalesce=False) == TEXTS[:9]
    assert server.together == []


@BOTH
def test_a_large_item_travels_by_itself(ask: Any) -> None:
    server = Server()
    with serving(server.predict, stream=server.stream) as target:
        assert ask(target, server, ["a", LARGE, "b"]) == ["a", LARGE, "b"]
    assert server.alone == ["a", LARGE]


@BOTH
def test_one_that_fails_fails_alone_with_the_id_of_its_call(ask: Any) -> None:
    def answer(text: str) -> Any:
        return status_pb2.Status(code=INVALID, message="no") if text == "b" else single_label(text)

    server = Server(answer)
    with serving(server.predict, stream=server.stream) as target:
        first, second, third = ask(target, server, ["a", "b", "c"])
    assert (first, third) == ("a", "c")
    assert isinstance(second, InvalidInput)
    assert second.message == "no"
    assert second.request_id in {one["x-request-id"] for one in server.metadata}


@BOTH
def test_the_server_is_told_how_long_each_caller_waits(ask: Any) -> None:
    server = Server()
    with serving(server.predict, stream=server.stream) as target:
        ask(target, server, ["a", "b"], timeout=1000)
    assert all(0 < seconds <= 1000 for seconds in server.timeouts)
    assert len(server.timeouts) == 1


@BOTH
def test_who_waits_for_ever_tells_no_timeout(ask: Any) -> None:
    server = Server()
    with serving(server.predict, stream=server.stream) as target:
        ask(target, server, ["a", "b"], timeout=None)
    assert server.timeouts == [0]


def refusing_once(reason: str) -> Server:
    """A server that refuses "b" the first time, in passing."""
    refused: list[str] = []

    def answer(text: str) -> Any:
        if text == "b" and not refused:
            refused.append(text)
            status = status_pb2.Status()
            [(_, details)] = passing(reason=reason).trailing_metadata
            status.ParseFromString(details)
            return status
        return single_label(text)

    return Server(answer)


@BOTH
def test_a_refused_item_is_tried_again_by_itself(ask: Any) -> None:
    server = refusing_once("MODEL_NOT_READY")
    with serving(server.predict, stream=server.stream) as target:
        assert ask(target, server, ["a", "b", "c"]) == ["a", "b", "c"]
    assert server.together.count("b") == 2
    assert server.together.count("c") == 1


@BOTH
@pytest.mark.parametrize(("reason", "streams"), [("MODEL_NOT_READY", 1), ("RUNNER_CLOSED", 2)])
def test_a_server_that_is_ending_gets_no_more_items_on_that_stream(
    ask: Any, reason: str, streams: int
) -> None:
    server = refusing_once(reason)
    with serving(server.predict, stream=server.stream) as target:
        assert ask(target, server, ["a", "b", "c"]) == ["a", "b", "c"]
    assert len(server.metadata) == streams


class Old(Server):
    """A server of before, which takes what it does not know for an item without an id."""

    def stream(
        self, requests: Iterator[service_pb.PredictStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[service_pb.PredictStreamResponse]:
        for request in requests:
            status = status_pb2.Status(code=INVALID, message="no item")
            yield service_pb.PredictStreamResponse(id=request.id, status=status)


class Full(Server):
    """A server that takes no more streams."""

    def stream(
        self, requests: Iterator[service_pb.PredictStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[service_pb.PredictStreamResponse]:
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
        yield service_pb.PredictStreamResponse()


@BOTH
@pytest.mark.parametrize("kind", [Old, Full])
def test_where_items_cannot_come_together_each_is_asked_alone(ask: Any, kind: type[Server]) -> None:
    server = kind()
    with serving(server.predict, stream=server.stream) as target:
        assert ask(target, server, TEXTS[:20]) == TEXTS[:20]
    assert sorted(server.alone) == sorted(TEXTS[:20])


@BOTH
def test_where_there_is_no_such_method_each_is_asked_alone(ask: Any) -> None:
    server = Server()
    with serving(server.predict) as target:
        assert ask(target, server, TEXTS[:20]) == TEXTS[:20]


class Silent(Server):
    """Answers nothing that came together."""

    def stream(
        self, requests: Iterator[service_pb.PredictStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[service_pb.PredictStreamResponse]:
        for request in requests:
            self.together += [item.request.text.content for item in request.items]
        yield from ()


@BOTH
def test_who_has_waited_long_enough_gets_the_error_of_a_call(ask: Any) -> None:
    server = Silent()
    with serving(server.predict, stream=server.stream) as target:
        _, second = ask(target, server, ["a", "b"], timeout=1)
    assert isinstance(second, DeadlineExceeded)
    assert str(second) == "Deadline Exceeded"


class Breaking(Server):
    """Ends the connection's streams by a status, once something came."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__()
        self.code = code

    def stream(
        self, requests: Iterator[service_pb.PredictStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[service_pb.PredictStreamResponse]:
        next(requests)
        context.abort(self.code, "over")
        yield service_pb.PredictStreamResponse()


@BOTH
def test_a_stream_that_breaks_fails_those_on_it_and_no_others(ask: Any) -> None:
    server = Breaking(grpc.StatusCode.UNAVAILABLE)
    options = ChannelOptions(retries=0)
    with serving(server.predict, stream=server.stream) as target:
        first, *others = ask(target, server, ["a", "b", "c"], options=options)
    assert first == "a"
    assert [type(one) for one in others] == [Unavailable] * 2


def test_a_thousand_threads_share_one_client() -> None:
    server = Server()
    server.others_came.set()
    with serving(server.predict, stream=server.stream) as target, Client(target) as client:
        start = Barrier(1000)

        def ask(i: int) -> str:
            start.wait(60)
            return str(client.predict("m", str(i)).label)

        with ThreadPoolExecutor(1000) as threads:
            assert list(threads.map(ask, range(1000))) == [str(i) for i in range(1000)]


def test_what_a_cancelled_task_waited_for_is_cancelled_and_others_go_on() -> None:
    cancelled: list[str] = []
    withdrawn = Event()

    def stream(
        requests: Iterator[service_pb.PredictStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[service_pb.PredictStreamResponse]:
        ids: dict[str, str] = {}
        for request in requests:
            ids.update({item.id: item.request.text.content for item in request.items})
            cancelled.extend(ids[one] for one in request.cancelled_ids)
            if cancelled:
                withdrawn.set()
                left = [one for one, text in ids.items() if text not in cancelled]
                results = [
                    service_pb.PredictStreamResult(id=one, prediction=single_label(ids[one]))
                    for one in left
                ]
                yield service_pb.PredictStreamResponse(results=results)

    server = Server()

    async def main(target: str) -> str:
        async with AsyncClient(target) as client:
            first = asyncio.create_task(client.predict("m", "a"))
            while not server.alone:
                await asyncio.sleep(0.01)
            second = asyncio.create_task(client.predict("m", "b"))
            third = asyncio.create_task(client.predict("m", "c"))
            await asyncio.sleep(0)
            await asyncio.to_thread(server.others_came.set)
            await first
            second.cancel()
            label = (await third).label
            assert second.cancelled()
            return str(label)

    with serving(server.predict, stream=stream) as target:
        assert asyncio.run(main(target)) == "c"
    assert cancelled == ["b"]


def test_closing_the_client_ends_those_who_wait() -> None:
    server = Silent()
    server.others_came.set()
    with serving(server.predict, stream=server.stream) as target:
        client = Client(target, timeout=None)
        with ThreadPoolExecutor(2) as threads:
            server.others_came.clear()
            waiting = [threads.submit(outcome, lambda: client.predict("m", "a", timeout=None))]
            while not server.alone:
                server.others_came.wait(0.01)
            waiting.append(threads.submit(outcome, lambda: client.predict("m", "b")))
            while not server.together:
                server.others_came.wait(0.01)
            client.close()
            codes = [one.result().code for one in waiting]
            server.others_came.set()
    assert codes == [grpc.StatusCode.CANCELLED] * 2
