"""What a server tells of its models' work, and of how it predicts with them."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import grpc
import learnwire_service as lw
import pandas as pd
import pytest
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import (
    AsyncClient,
    Client,
    InvalidInput,
    ModelNotFound,
    ModelStatistics,
    ResourceExhausted,
    Unavailable,
)
from learnwire_client.model import Plan
from learnwire_client.prediction import AnyPrediction
from learnwire_client.rows import encode_row
from learnwire_client.statistics import Distribution
from learnwire_service.common.settings import ServerSettings
from learnwire_service.rpc.server import Server
from learnwire_service.runners.registry import Registry
from learnwire_service.sealed.text import TextPlan

from tests.conftest import Trained
from tests.end_to_end import gate
from tests.end_to_end.test_cli import learnwire, learnwire_here
from tests.end_to_end.test_grpcurl import grpcurl

PATIENCE = 60
IN_FLIGHT = 64
HELD = 0.5


@pytest.fixture
def narrow(gated: str) -> Iterator[str]:
    """A server of the gated model with room for one item to wait."""
    with lw.serving("gated", max_queue=1) as target:
        gate.entered.clear()
        yield target
        gate.open_.set()


def await_statistics(
    client: Client, model: str, fits: Callable[[ModelStatistics], bool]
) -> ModelStatistics:
    """Ask until the statistics are as expected."""
    end = time.monotonic() + PATIENCE
    while not fits(statistics := client.statistics(model)):
        assert time.monotonic() < end, f"still not as expected: {statistics}"
    return statistics


def test_each_fate_is_counted_once(narrow: str, penguins: Trained) -> None:
    request = pb.PredictRequest(model="gated", row=encode_row(penguins.items[0]))

    def await_waiting(count: int) -> None:
        await_statistics(client, "gated", lambda statistics: statistics.waiting == count)

    gate.open_.clear()
    gate.fails = True
    with grpc.insecure_channel(narrow) as channel, Client(narrow) as client:
        stub = pb_grpc.PredictionServiceStub(channel)
        failed = stub.Predict.future(request)
        assert gate.entered.wait(PATIENCE)
        cancelled = stub.Predict.future(request)
        await_waiting(1)
        with pytest.raises(ResourceExhausted):
            client.predict("gated", penguins.items[0])
        cancelled.cancel()
        await_waiting(0)
        # A machine that is busy may let the time pass before the request is in the queue.
        while not client.statistics("gated").expired:
            stub.Predict.future(request, timeout=HELD).exception()
        await_waiting(0)
        gate.open_.set()
        with pytest.raises(grpc.RpcError):
            failed.result()
        gate.fails = False
        client.predict("gated", penguins.items[0])
        with pytest.raises(InvalidInput):
            client.predict("gated", "no row")
        found = await_statistics(client, "gated", lambda so_far: so_far.batch_items.count == 2)
    assert (found.predicted, found.failed, found.invalid, found.refused) == (1, 1, 1, 1)
    assert (found.expired, found.cancelled, found.waiting) == (1, 1, 0)
    assert found.batch_items.sum == found.queue_wait_seconds.count == 2
    assert found.compute_seconds.p99 >= HELD, "the first stood at the gate"


def test_the_rows_of_a_bulk_call_are_counted(trained: dict[str, Trained]) -> None:
    frame = pd.DataFrame(trained["penguins"].items).infer_objects()
    with lw.serving("penguins") as target, Client(target) as client:
        assert len(list(client.predict_many("penguins", frame))) == len(frame)
        found = await_statistics(
            client, "penguins", lambda so_far: so_far.batch_items.sum == len(frame)
        )
    assert found.predicted == len(frame)
    assert (found.model, found.version) == ("penguins", lw.get("penguins").manifest.version)


def test_each_item_that_does_not_fit_is_counted_once(trained: dict[str, Trained]) -> None:
    rows = [dict(row) for row in trained["penguins"].items if row.notna().all()][:4]
    bad = {**rows[0], "island": 3}
    with lw.serving("penguins", "digits") as target, Client(target) as client:

        def invalid(model: str = "penguins") -> int:
            return client.statistics(model).invalid

        for row in (bad, {}):
            with pytest.raises(InvalidInput):
                client.predict("penguins", row)
        with grpc.insecure_channel(target) as channel:
            stub = pb_grpc.PredictionServiceStub(channel)
            with pytest.raises(grpc.RpcError):
                stub.Predict(pb.PredictRequest(model="penguins"))
        assert invalid() == 3
        frame = pd.DataFrame([*rows, bad, bad], dtype=object)
        answers = list(client.predict_many("penguins", frame))
        assert sum(isinstance(answer, InvalidInput) for answer in answers) == 2
        assert invalid() == 5
        answers = list(client.predict_many("penguins", [*rows, bad]))
        assert isinstance(answers[-1], InvalidInput)
        assert invalid() == 6
        answers = list(client.predict_stream("penguins", [*rows, bad]))
        assert isinstance(answers[-1], InvalidInput)
        assert invalid() == 7
        with pytest.raises(InvalidInput):
            client.predict("digits", b"no image")
        assert invalid("digits") == 1
        found = client.statistics("penguins")
    assert (found.predicted, found.failed, found.refused) == (12, 0, 0)


def test_lone_requests_make_a_batch_each(trained: dict[str, Trained]) -> None:
    with lw.serving(*trained) as target, Client(target) as client:
        for name, one in trained.items():
            for item in one.items[-50:]:
                client.predict(name, item)
            found = await_statistics(client, name, lambda so_far: so_far.batch_items.count >= 50)
            assert found.batch_items.count == found.queue_wait_seconds.count == 50
            assert found.batch_items.p99 == 1


def test_texts_that_wait_for_the_model_are_predicted_together(
    trained: dict[str, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = trained["sentiment"].items[4 : 4 + IN_FLIGHT]
    entered, opened, predict = Event(), Event(), TextPlan.predict

    def held(plan: TextPlan, batch: Sequence[Any]) -> Any:
        entered.set()
        assert opened.wait(PATIENCE)
        return predict(plan, batch)

    def ask(text: str) -> AnyPrediction:
        return client.predict("sentiment", text, timeout=PATIENCE)

    with (
        lw.serving("sentiment") as target,
        Client(target) as client,
        ThreadPoolExecutor(IN_FLIGHT) as threads,
    ):
        monkeypatch.setattr(TextPlan, "predict", held)
        try:
            asked = [threads.submit(ask, texts[0])]
            assert entered.wait(PATIENCE)
            asked += [threads.submit(ask, text) for text in texts[1:]]
            await_statistics(client, "sentiment", lambda so_far: so_far.waiting == IN_FLIGHT - 1)
        finally:
            opened.set()
        for text, answer in zip(texts, asked, strict=True):
            label, _, probabilities = trained["sentiment"].predict(text)
            assert answer.result(PATIENCE).label == label
            assert answer.result().probabilities == pytest.approx(probabilities, abs=1e-5)
        found = await_statistics(
            client, "sentiment", lambda so_far: so_far.batch_items.sum == IN_FLIGHT
        )
    assert found.predicted == IN_FLIGHT
    assert found.batch_items.mean > 8, str(found)


def test_a_model_tells_the_plan_that_serves_it(client: Client) -> None:
    assert client.model("penguins").plan == Plan("tabular", (), "onnx", bit_identical=True)


def test_a_model_tells_why_no_faster_plan_serves_it(gated: str) -> None:
    with Client(gated) as client:
        model = client.model("gated")
    reason = (
        "sealed: the callback Gate is not known: it hooks before_batch, which learner.predict "
        "fires; if only training needs it, save again without it: learner.remove_cb(Gate)"
    )
    assert model.plan == Plan("loader", (reason,), "torch")
    assert reason in str(model)


def test_a_model_that_is_being_loaded_has_no_plan_and_has_done_nothing(
    trained: dict[str, Trained],
) -> None:
    runner = lw.get("penguins").to_runner()

    async def call() -> ModelStatistics:
        server = Server(Registry([runner]), ServerSettings.model_validate({"port": 0}))
        try:
            async with AsyncClient(await server.start()) as client:
                assert (await client.model("penguins")).plan is None
                with pytest.raises(Unavailable):
                    await client.predict("penguins", trained["penguins"].items[0], timeout=PATIENCE)
                return await client.statistics("penguins")
        finally:
            await server.stop()

    found = asyncio.run(call())
    assert (found.predicted, found.waiting) == (0, 0)
    assert found.queue_wait_seconds == found.compute_seconds == Distribution()


def test_errors_are_those_of_get_model(client: Client) -> None:
    with pytest.raises(ModelNotFound, match="served here"):
        client.statistics("nobody")
    with pytest.raises(InvalidInput, match="name the model"):
        client.statistics("")


def test_grpcurl_reads_them(target: str, client: Client, trained: dict[str, Trained]) -> None:
    client.predict("penguins", trained["penguins"].items[0])
    await_statistics(client, "penguins", lambda statistics: statistics.batch_items.count > 0)
    method = "learnwire.v1.ModelService/GetModelStatistics"
    found = json.loads(grpcurl(target, method, data={"model": "penguins"}))["statistics"]
    assert int(found["predicted"]) >= 1
    batches = found["batchItems"]
    assert sum(int(bucket["count"]) for bucket in batches["buckets"]) == int(batches["count"])

    model = json.loads(
        grpcurl(target, "learnwire.v1.ModelService/GetModel", data={"model": "penguins"})
    )
    assert model["model"]["plan"] == {
        "name": "tabular",
        "backend": "onnx",
        "bitIdentical": True,
    }


def test_the_command_line_shows_them(target: str, trained: dict[str, Trained]) -> None:
    version = lw.get("digits").manifest.version
    with Client(target) as client:
        client.predict("digits", trained["digits"].items[0])
        await_statistics(client, "digits", lambda statistics: statistics.batch_items.count > 0)
    page = learnwire("stats", "digits", "--target", target).stdout
    assert page.startswith(f"digits:{version} since ")
    assert "items in a batch" in page
    shown = json.loads(learnwire("stats", "digits", "--json", LEARNWIRE_TARGET=target).stdout)
    with Client(target) as client:
        known = client.statistics("digits")
    assert int(shown["predicted"]) == known.predicted >= 1
    assert int(shown["refused"]) == known.refused
    assert int(shown["invalid"]) == known.invalid
    assert math.isfinite(shown["queue_wait_seconds"]["p99"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nobody"], "only digits, penguins, sentiment; no endpoint has that name either"),
        (["Nobody"], 'got "Nobody"; no endpoint has that name either'),
        (["penguins:zzz"], 'has no version "zzz"'),
        (["penguins", "--target", "127.0.0.1:1"], "127.0.0.1:1"),
    ],
)
def test_what_the_command_line_cannot_show_is_told_in_a_sentence(
    arguments: list[str], problem: str, target: str
) -> None:
    done = learnwire_here("stats", *arguments, LEARNWIRE_TARGET=target)
    assert done.exit_code == 1
    assert problem in done.stderr
