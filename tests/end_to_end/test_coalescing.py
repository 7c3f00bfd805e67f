"""Calls that share a stream, against real servers: what each is answered is that of a lone call."""

import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Any

import grpc
import learnwire_service as lw
import pytest
from google.protobuf.duration_pb2 import Duration
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1.prediction_service_pb2_grpc import PredictionServiceStub
from learnwire_client import (
    AsyncClient,
    CallError,
    ChannelOptions,
    Client,
    DeadlineExceeded,
    InvalidInput,
)
from learnwire_client.inputs import predict_request

from tests.conftest import Trained
from tests.end_to_end.test_predictions import BAD, MODELS, assert_equal
from tests.end_to_end.test_server import await_event, process

THREADS = 16


def items_of(oracle: Trained) -> list[Any]:
    """Forty items, of which the eighth of each ten is a bad one."""
    return [BAD[oracle.name] if i % 10 == 7 else oracle.items[i] for i in range(40)]


def outcome(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except CallError as error:
        return error


def told(answer: Any) -> Any:
    """Give all that an error tells but the id of its call, or an answer with its bits."""
    if isinstance(answer, CallError):
        return type(answer), answer.code, answer.message, answer.reason, answer.violations
    return answer.label, answer.index, answer.probabilities.tobytes(), answer.version


def ask_all(target: str, name: str, items: list[Any]) -> list[Any]:
    with Client(target) as client, ThreadPoolExecutor(THREADS) as threads:
        return [*threads.map(lambda item: outcome(partial(client.predict, name, item)), items)]


def ask_all_async(target: str, name: str, items: list[Any]) -> list[Any]:
    async def main() -> list[Any]:
        async with AsyncClient(target) as client:
            asked = [client.predict(name, item) for item in items]
            return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(main())


@pytest.mark.parametrize("ask", [ask_all, ask_all_async])
@pytest.mark.parametrize("name", MODELS)
def test_each_is_answered_as_a_lone_call_is_and_a_bad_one_fails_alone(
    name: str, ask: Any, target: str, trained: dict[str, Trained]
) -> None:
    oracle = trained[name]
    items = items_of(oracle)
    answers = ask(target, name, items)
    for i, answer in enumerate(answers):
        if i % 10 == 7:
            assert isinstance(answer, InvalidInput)
            assert answer.request_id
        else:
            assert_equal(answer, oracle.predict(items[i]))
    with Client(target, coalesce=False) as client:
        alone = [outcome(partial(client.predict, name, item)) for item in items]
    assert list(map(told, answers)) == list(map(told, alone))


def test_an_item_that_is_late_or_cancelled_disturbs_nobody(
    held_model: str, penguins: Trained
) -> None:
    from tests.end_to_end import gate

    rows = penguins.items

    async def main(target: str) -> list[Any]:
        async with AsyncClient(target, timeout=None) as client:
            first = asyncio.create_task(client.predict("gated", rows[0]))
            await asyncio.to_thread(gate.entered.wait)
            late = asyncio.create_task(client.predict("gated", rows[1], timeout=0.3))
            gone = asyncio.create_task(client.predict("gated", rows[2]))
            others = [asyncio.create_task(client.predict("gated", row)) for row in rows[3:9]]
            with pytest.raises(DeadlineExceeded):
                await late
            gone.cancel()
            gate.open_.set()
            return await asyncio.gather(first, *others)

    with lw.serving(held_model, max_wait=600) as target:
        gate.entered.clear()
        gate.open_.clear()
        try:
            answers = asyncio.run(main(target))
        finally:
            gate.open_.set()
    for answer, row in zip(answers, [rows[0], *rows[3:9]], strict=True):
        assert_equal(answer, penguins.predict(row))


@pytest.mark.slow
def test_a_server_that_ends_and_comes_back_fails_no_call(
    trained: dict[str, Trained],
) -> None:
    penguins = trained["penguins"]
    row, expected = penguins.items[0], penguins.predict(penguins.items[0])
    over = Event()

    def ask(client: Client) -> list[Any]:
        answers: list[Any] = []
        while not over.is_set():
            answers.append(client.predict("penguins", row))
        return answers

    with process("penguins", "--port", "0", "--log-sample", "0") as first:
        target = await_event(first, "listening")["target"]
        await_event(first, "serving")
        options = ChannelOptions(wait_for_ready=True)
        with (
            Client(target, timeout=120, options=options) as client,
            ThreadPoolExecutor(THREADS) as threads,
        ):
            asked = [threads.submit(ask, client) for _ in range(THREADS)]
            for _ in range(50):
                client.predict("penguins", row)
            first.send_signal(signal.SIGTERM)
            first.wait()
            port = target.rpartition(":")[2]
            with process("penguins", "--port", port, "--log-sample", "0") as second:
                await_event(second, "serving")
                for _ in range(50):
                    client.predict("penguins", row)
                over.set()
                answers = [answer for one in asked for answer in one.result()]
    assert answers
    for answer in answers:
        assert_equal(answer, expected)


def results(target: str, *requests: pb.PredictStreamRequest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with grpc.insecure_channel(target) as channel:
        for response in PredictionServiceStub(channel).PredictStream(iter(requests)):
            found.update({one.id: one for one in response.results or [response]})
    return found


def test_items_and_single_ones_may_share_a_stream(target: str, penguins: Trained) -> None:
    one = predict_request("penguins", penguins.items[0])
    item = pb.PredictStreamItem(id="b", request=one)
    twice = pb.PredictStreamRequest(items=[item, pb.PredictStreamItem(id="c")])
    found = results(target, pb.PredictStreamRequest(id="a", request=one), twice)
    assert found["a"].prediction == found["b"].prediction
    assert found["c"].status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert set(found) == {"a", "b", "c"}


def test_an_item_whose_time_is_over_is_not_begun(target: str, penguins: Trained) -> None:
    one = predict_request("penguins", penguins.items[0])
    item = pb.PredictStreamItem(id="a", request=one, timeout=Duration(nanos=1))
    found = results(target, pb.PredictStreamRequest(items=[item]))
    assert found["a"].status.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]


def test_ids_that_are_not_under_way_are_cancelled_without_a_word(
    target: str, penguins: Trained
) -> None:
    one = predict_request("penguins", penguins.items[0])
    item = pb.PredictStreamItem(id="a", request=one)
    found = results(
        target,
        pb.PredictStreamRequest(cancelled_ids=["a", "b"]),
        pb.PredictStreamRequest(items=[item]),
    )
    assert set(found) == {"a"}
    assert found["a"].HasField("prediction")
