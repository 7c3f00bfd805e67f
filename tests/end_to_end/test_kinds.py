"""Each kind of learner, in the process and over a socket, as fastai itself answers one by one."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import grpc
import httpx
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from google.protobuf import json_format
from learnwire.inference import v2_pb2
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import AsyncClient, Client
from learnwire_client.answers import decode_prediction
from learnwire_client.inputs import predict_request
from learnwire_client.model import Plan
from learnwire_client.prediction import AnyPrediction, Points, Several
from learnwire_service.common.settings import ServerSettings
from learnwire_service.runners.learner import LearnerRunner
from learnwire_service.runners.registry import Registry
from learnwire_service.sealed.text import TextPlan
from learnwire_service.web.server import WebServer

from tests.end_to_end import inference
from tests.end_to_end.kinds import COUNT, EDGES, KINDS, Answer, Kind
from tests.end_to_end.typed import Stub, contract_of
from tests.end_to_end.web import GENERIC, free_port
from tests.service.sealed_plans import unsealed

TOLERANCE = 1e-5
FEW = 32  # items of a kind that are asked where time is short
PATIENCE = 120  # seconds
ON_A_FREE_PORT: dict[str, Any] = {"port": 0}
# Those whose Learner answers item by item, since there is no recipe for it.
UNSEALED = ("series-through-an-adapter",)


@dataclass(frozen=True)
class Saved:
    """A kind that is saved.

    Attributes:
        name: the model's.
        kind: its learner and items.
        expected: the oracle's answers to the items.
    """

    name: str
    kind: Kind
    expected: list[list[Answer]]


@dataclass(frozen=True)
class Served(Saved):
    """A kind that is served.

    Attributes:
        sealed: whether its recipe answers, or its Learner.
        runner: predicts with it, in this process and behind `target`.
        target: where it is served.
        url: where it is over HTTP.
    """

    sealed: bool
    runner: LearnerRunner
    target: str
    url: str


def of(asked: tuple[str, int], *, sealed: bool) -> Any:
    """Ask for a kind with so many of its items, answered by its recipe or by its Learner."""
    name, count = asked
    told = f"{'sealed' if sealed else 'unsealed'}-{name}"
    if count == FEW:
        return pytest.param(asked, sealed, id=f"{told}-few")
    return pytest.param(asked, sealed, id=told, marks=pytest.mark.slow)


def each(*kinds: Any) -> pytest.MarkDecorator:
    """Test each of the kinds; where one follows itself, it is saved once."""
    return pytest.mark.parametrize(("saved", "served"), kinds, indirect=True, scope="module")


WHOLE = [(name, COUNT) for name in KINDS]
SEALING = [asked for asked in WHOLE if asked[0] not in UNSEALED]
each_kind = each(
    # Where time is short, no Learner is asked.
    *(of((name, FEW), sealed=True) for name, _ in SEALING),
    *(
        of(one, sealed=sealed)
        for one in WHOLE
        for sealed in (True, False)
        if one in SEALING or not sealed
    ),
)


@pytest.fixture(scope="module")
def saved(request: pytest.FixtureRequest) -> Iterator[Saved]:
    name, count = request.param
    kind = KINDS[name]()
    model = lw.save_model(name, kind.learner, adapter=kind.adapter, nulls="allow")
    assert model.manifest.verified
    kind = replace(kind, items=kind.items[:count])
    # Only once, as `learner.predict` takes longer than all the rest.
    expected = [kind.ask(kind.learner, item) for item in kind.items]
    assert len(expected) == count
    yield Saved(name, kind, expected)
    lw.delete_model(name)


@pytest.fixture(scope="module")
def served(saved: Saved, request: pytest.FixtureRequest) -> Iterator[Served]:
    sealed = request.param
    runner = (lw.get(saved.name) if sealed else unsealed(saved.name)).to_runner()
    port = free_port()
    with hosting(runner, http_port=port) as target:
        url = f"http://127.0.0.1:{port}"
        yield Served(saved.name, saved.kind, saved.expected, sealed, runner, target, url)


@contextmanager
def hosting(*runners: LearnerRunner, http_port: int = 0) -> Iterator[str]:
    """Serve runners from a thread of this process, and give the target."""
    started: Future[str] = Future()
    stopped = Event()

    async def main() -> None:
        # Slow learners are asked for all items at once: none is refused for its long wait.
        settings = ServerSettings(**ON_A_FREE_PORT, max_wait=PATIENCE, http_port=http_port)
        server = WebServer(Registry(runners), settings)
        try:
            target = await server.start()
            await server.load()
            started.set_result(target)
            await asyncio.to_thread(stopped.wait)
        finally:
            await server.stop()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(asyncio.run, main())
        running.add_done_callback(lambda _: started.cancel())
        try:
            yield started.result(PATIENCE)
        finally:
            stopped.set()
            running.result(PATIENCE)


def assert_all_equal(served: Served, answers: Sequence[Any]) -> None:
    for answer, expected in zip(answers, served.expected, strict=True):
        assert_equal(answer, expected)


def assert_equal(answer: Any, expected: list[Answer]) -> None:
    heads = answer.heads if isinstance(answer, Several) else (answer,)
    for head, (decoded, raw) in zip(heads, expected, strict=True):
        assert isinstance(head, AnyPrediction.__origin__)  # type: ignore[attr-defined]
        np.testing.assert_allclose(head.probabilities, raw, rtol=TOLERANCE, atol=TOLERANCE)
        index = head.label if isinstance(head, Points) else np.asarray(head.index)
        if index.dtype.kind == "f":
            np.testing.assert_allclose(index, decoded, rtol=TOLERANCE, atol=TOLERANCE)
        else:
            undecided = _margin(head, raw) < 2 * TOLERANCE
            assert np.all((index == decoded) | undecided)


def _margin(head: Any, raw: Any) -> Any:
    """How decided an answer is, for each of its labels."""
    if np.shape(head.index) == np.shape(raw):
        return abs(raw - 0.5)
    second, first = np.partition(raw, (-2, -1), axis=0)[-2:]
    return first - second


class Batches:
    """Tells whether items shared batches since it was made."""

    def __init__(self, runner: LearnerRunner) -> None:
        self._runner = runner
        self._before = self._seen()

    def _seen(self) -> tuple[float, float]:
        found = self._runner.statistics.read().batch_items
        return found.count, found.sum

    def assert_mixed(self) -> None:
        """See that items went through the model in batches of several.

        The last batch is counted after it has been answered, perhaps not yet.
        """
        batches, items = np.subtract(self._seen(), self._before)
        assert batches > 0
        # The oracle's plan takes one item at a time.
        assert batches == items if self._single else batches < items

    @property
    def _single(self) -> bool:
        assert self._runner.choice is not None
        return self._runner.choice.plan.name == "single"


@each_kind
def test_its_own_plan_serves_it(served: Served) -> None:
    choice = served.runner.choice
    assert choice is not None
    assert (choice.plan.name == served.kind.plan) or not served.sealed
    assert bool(choice.reasons) != served.sealed
    with Client(served.target) as client:
        told = client.model(served.name).plan
    backend, same = ("onnx", True) if served.sealed else ("torch", None)
    assert told == Plan(choice.plan.name, choice.reasons, backend, same)


@each_kind
def test_items_at_once_in_this_process(served: Served) -> None:
    async def main() -> list[AnyPrediction]:
        asked = (served.runner.predict.async_run(item) for item in served.kind.items)
        return list(await asyncio.gather(*asked))

    batches = Batches(served.runner)
    assert_all_equal(served, asyncio.run(main()))
    batches.assert_mixed()


@each_kind
def test_a_run_of_items_in_this_process(served: Served) -> None:
    batches = Batches(served.runner)
    assert_all_equal(served, served.runner.predict.run_batch(served.kind.items))
    batches.assert_mixed()


@each_kind
def test_predict_at_once(served: Served) -> None:
    async def main() -> list[AnyPrediction]:
        async with AsyncClient(served.target, timeout=PATIENCE) as client:
            asked = (client.predict(served.name, item) for item in served.kind.items)
            return await asyncio.gather(*asked)

    assert_all_equal(served, asyncio.run(main()))


@each_kind
def test_predict_many(served: Served) -> None:
    batches = Batches(served.runner)
    with Client(served.target, timeout=PATIENCE) as client:
        assert_all_equal(served, list(client.predict_many(served.name, served.kind.items)))
    batches.assert_mixed()


@each_kind
def test_predict_many_of_a_table(served: Served) -> None:
    items = served.kind.items
    values = pd.DataFrame(items) if isinstance(items[0], dict) else items[::-1]
    answers = served.expected if isinstance(items[0], dict) else served.expected[::-1]
    with Client(served.target, timeout=PATIENCE) as client:
        for answer, expected in zip(client.predict_many(served.name, values), answers, strict=True):
            assert_equal(answer, expected)


@each_kind
def test_predict_stream(served: Served) -> None:
    requests = (
        pb.PredictStreamRequest(id=str(i), request=predict_request(served.name, item))
        for i, item in enumerate(served.kind.items)
    )
    with grpc.insecure_channel(served.target) as channel:
        stub = pb_grpc.PredictionServiceStub(channel)
        responses = sorted(stub.PredictStream(requests), key=lambda response: int(response.id))
    assert_all_equal(served, [decode_prediction(one.prediction, lambda _: ()) for one in responses])


@each_kind
def test_json_over_http(served: Served) -> None:
    answers: list[Any] = []
    with httpx.Client(base_url=served.url, timeout=PATIENCE) as http:
        for item in served.kind.items[:FEW]:
            asked = json_format.MessageToJson(predict_request(served.name, item))
            kind = {"content-type": "application/json"}
            answer = http.post(f"{GENERIC}/Predict", content=asked, headers=kind)
            response = json_format.Parse(answer.raise_for_status().text, pb.PredictResponse())
            answers.append(decode_prediction(response.prediction, lambda _: ()))
    for answer, expected in zip(answers, served.expected, strict=False):
        assert_equal(answer, expected)


@each_kind
def test_the_open_inference_protocol(served: Served) -> None:
    items = served.kind.items
    with grpc.insecure_channel(served.target) as channel:
        stub = inference.Stub(channel)
        metadata = stub.ModelMetadata(v2_pb2.ModelMetadataRequest(name=served.name))
        for typed in (False, True):
            answers: dict[int, Any] = {}
            for places in inference.batches(items):
                arrays = inference.tensors([items[i] for i in places])
                asked = inference.request(served.name, arrays, typed=typed)
                response = stub.ModelInfer(asked, timeout=PATIENCE)
                inference.assert_described(response, metadata)
                parts = inference.predictions(inference.arrays_of(response))
                answers |= zip(places, parts, strict=True)
            assert_all_equal(served, [answers[i] for i in range(len(items))])


@each_kind
def test_its_own_contract(served: Served) -> None:
    batches = Batches(served.runner)
    with grpc.insecure_channel(served.target) as channel:
        stub = Stub(channel, contract_of(served.name))
        requests = [stub.request(item) for item in served.kind.items]
        one = stub.predict(requests[0], timeout=PATIENCE)
        many = [result.response for result in stub.predict_many(requests)]
        streamed = stub.predict_stream(requests)
    in_order = [streamed[str(i)].response for i in range(len(requests))]
    for responses in ([one, *many[1:]], many, in_order):
        assert_all_equal(served, [stub.answer(response) for response in responses])
    batches.assert_mixed()


@each(*(of(asked, sealed=True) for asked in SEALING if "text" in asked[0]))
def test_the_texts_have_every_length_that_matters(served: Served) -> None:
    assert served.runner.choice is not None
    plan = served.runner.choice.plan
    assert isinstance(plan, TextPlan)
    lengths = {len(plan.encode(item).tokens) for item in served.kind.items}
    assert lengths >= set(EDGES[served.name == "text-columns" :])
