import asyncio
import subprocess
import sys
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from learnwire.v1 import model_service_pb2 as models_pb
from learnwire.v1.io_pb2 import Text, Texts
from learnwire.v1.prediction_service_pb2 import PredictManyRequest, PredictRequest
from learnwire.v1.prediction_service_pb2_grpc import PredictionServiceStub
from learnwire_client import (
    AsyncClient,
    CallError,
    Client,
    EndpointNotFound,
    InvalidInput,
    Mask,
    ModelNotFound,
    MultiLabel,
    Prediction,
    Regression,
    ServerFailed,
    SingleLabel,
    Unavailable,
    Violation,
)
from learnwire_client.channel import ChannelOptions
from learnwire_client.prediction import Points, Several
from learnwire_client.testing import FakeServer

PRAISE = SingleLabel.of("positive", {"negative": 0.25, "positive": 0.75})
BLAME = SingleLabel.of("negative", {"negative": 0.75, "positive": 0.25})
GENRES = MultiLabel.of(["war"], {"love": 0.1, "war": 0.9})
PIXELS = np.zeros((2, 3), np.int64)
ANSWERS: list[Any] = [
    PRAISE,
    GENRES,
    Regression.of([1.5, 2.5]),
    Mask(PIXELS, PIXELS, np.zeros((4, 2, 3), np.float32)),
    Points(*np.zeros((3, 5, 2), np.float32)),
    Several.of([PRAISE, Regression.of(3)]),
]
WRONG = InvalidInput(
    grpc.StatusCode.INVALID_ARGUMENT,
    "the input does not fit",
    "INVALID_INPUT",
    (Violation("text.content", "expected no number"),),
)


def mood(text: str) -> Prediction[Any, Any]:
    if text.isdigit():
        raise WRONG
    return PRAISE if "good" in text else BLAME


def same(got: Any, expected: Any) -> bool:
    np.testing.assert_equal(tuple(got), tuple(expected))
    return type(got) is type(expected)


@pytest.mark.parametrize("said", ANSWERS, ids=lambda said: type(said).__name__)
def test_every_way_to_ask_gives_the_answer_that_the_test_says(said: Any) -> None:
    with FakeServer({"m": said}) as server, Client(server.target) as client:
        assert same(client.predict("m", "one"), said)
        assert all(same(answer, said) for answer in client.predict_many("m", ["two", "three"]))
        assert all(same(answer, said) for answer in client.predict_stream("m", ["four", "five"]))
    assert server.asked == [("m", word) for word in ("one", "two", "three", "four", "five")]


@pytest.mark.parametrize("said", ANSWERS, ids=lambda said: type(said).__name__)
def test_a_client_of_asyncio_gets_it_too(said: Any) -> None:
    async def ask(target: str) -> list[Any]:
        async with AsyncClient(target) as client:
            many = [answer async for answer in client.predict_many("m", ["two", "three"])]
            stream = [answer async for answer in client.predict_stream("m", ["four", "five"])]
            return [await client.predict("m", "one"), *many, *stream]

    with FakeServer({"m": said}) as server:
        answers = asyncio.run(ask(server.target))
    assert len(answers) == 5
    assert all(same(answer, said) for answer in answers)


def test_a_function_answers_each_item_and_its_errors_stay_with_their_items() -> None:
    texts = ["good", "12", "bad"]
    with FakeServer({"m": mood}) as server, Client(server.target) as client:
        with pytest.raises(InvalidInput, match="does not fit") as caught:
            client.predict("m", "12")
        for answers in client.predict_many("m", texts), client.predict_stream("m", texts):
            good, error, bad = answers
            assert isinstance(good, SingleLabel)
            assert isinstance(bad, SingleLabel)
            assert (good.label, bad.label) == ("positive", "negative")
            assert isinstance(error, InvalidInput)
            assert (error.index, error.violations) == (1, WRONG.violations)
    assert caught.value.reason == "INVALID_INPUT"


def test_an_error_is_raised_with_all_that_it_says() -> None:
    said = Unavailable(
        grpc.StatusCode.UNAVAILABLE, "it loads", "MODEL_NOT_READY", (), 1.5, {"left": "2 s"}
    )
    options = ChannelOptions(retries=0)
    with FakeServer({"m": said}) as server, Client(server.target, options=options) as client:
        with pytest.raises(Unavailable) as caught:
            client.predict("m", "text")
        server.answers["m"] = PRAISE
        assert client.predict("m", "text").label == "positive"
    assert caught.value.args == said.args


def test_items_come_as_they_were_sent() -> None:
    row = {"island": "Biscoe", "year": 2008, "sex": None}
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    with FakeServer({"m": PRAISE}) as server, Client(server.target) as client:
        for value in ("text", row, array, (array, array)):
            client.predict("m", value)
            list(client.predict_many("m", [value]))
        client.predict("m", [[1, 2], [3, 4]])
        list(client.predict_many("m", pd.DataFrame([row, row])))
    got = [value for _, value in server.asked]
    np.testing.assert_equal(
        got,
        [v for v in ("text", row, array, (array, array)) for _ in range(2)]
        + [np.array([[1, 2], [3, 4]]), row, row],
    )


def test_a_model_is_described_as_far_as_its_answer_tells() -> None:
    with FakeServer({"m": PRAISE, "genres": GENRES}) as server, Client(server.target) as client:
        assert client.model("m").output.classes == ("negative", "positive")
        assert client.predict("m", "text").top(1) == [("positive", 0.75)]
        assert [model.name for model in client.models()] == ["genres", "m"]
        frame = client.predict_frame("genres", pd.Series(["a", "b"]))
        assert frame["is_war"].tolist() == [True, True]
        assert client.statistics("m").predicted == 0


def test_a_description_of_a_real_server_is_told_again() -> None:
    described = models_pb.Model(
        version="20261126T1",
        text=models_pb.TextInput(max_chars=10),
        single_label=models_pb.SingleLabelOutput(classes=["negative", "positive"]),
    )
    with FakeServer({"m": mood}, models={"m": described}) as server, Client(server.target) as once:
        model = once.model("m")
    with FakeServer({"m": mood}, models={"m": model}) as server, Client(server.target) as client:
        assert client.model("m") == model
        assert model.input.max_chars == 10
        assert client.predict("m:20261126T1", "text").version == "20261126T1"


def test_what_the_test_says_nothing_of_is_not_found() -> None:
    with FakeServer({"m": PRAISE}) as server, Client(server.target) as client:
        with pytest.raises(ModelNotFound, match='nothing for the model "other"; it says for: m'):
            client.predict("other", "text")
        with pytest.raises(ModelNotFound):
            list(client.predict_many("other", ["text"]))
        with pytest.raises(EndpointNotFound, match="none"):
            client.call("e", "text")
        assert client.predict("", "the only one").label == "positive"


def test_endpoints_answer_values_errors_and_what_functions_give() -> None:
    said = {
        "fixed": {"mood": "positive", "score": 0.5},
        "length": lambda inputs: len(inputs["text"]),
        "wrong": WRONG,
        "words": lambda text: text.split(),
    }
    with FakeServer(endpoints=said) as server, Client(server.target) as client:
        assert client.call("fixed", 5) == said["fixed"]
        assert client.call("length", inputs={"text": "four"}) == 4
        with pytest.raises(InvalidInput, match="does not fit"):
            client.call("wrong", True)
        assert list(client.stream("words", "What a film!")) == ["What", "a", "film!"]
        assert [endpoint.name for endpoint in client.endpoints()] == sorted(said)
    assert server.asked[:2] == [("fixed", 5), ("length", {"text": "four"})]


@pytest.mark.parametrize("said", [lambda text: 1 / 0, "positive", lambda text: None])
def test_a_mistake_of_the_test_fails_the_call_and_then_the_test(said: Any) -> None:
    def run() -> None:
        with FakeServer({"m": said}) as server, Client(server.target) as client:
            with pytest.raises(ServerFailed, match="what the test says for m failed"):
                client.predict("m", "text")
            (error,) = client.predict_many("m", ["text"])
            assert isinstance(error, ServerFailed)

    with pytest.raises((ZeroDivisionError, TypeError)):
        run()


def test_what_the_test_itself_raises_comes_first() -> None:
    with (
        pytest.raises(CallError, match="what the test says for m failed"),
        FakeServer({"m": lambda text: 1 / 0}) as server,
        Client(server.target) as client,
    ):
        client.predict("m", "text")


def test_stubs_and_probes_are_answered_as_by_a_real_server() -> None:
    with FakeServer({"m": mood}) as server, grpc.insecure_channel(server.target) as channel:
        stub = PredictionServiceStub(channel)
        one = stub.Predict(PredictRequest(model="m", text=Text(content="good")))
        assert one.prediction.single_label.label == "positive"
        texts = Texts(contents=["1", "good"])
        (chunk,) = stub.PredictMany(PredictManyRequest(model="m", texts=texts))
        assert list(chunk.single_labels.labels) == ["", "positive"]
        assert [error.index for error in chunk.errors] == [0]
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(PredictRequest(model="m"))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        health: Any = health_pb2_grpc.HealthStub(channel)
        status = health.Check(health_pb2.HealthCheckRequest(service="m")).status
        assert status == health_pb2.HealthCheckResponse.SERVING


def test_it_needs_no_service() -> None:
    program = (
        "import sys, learnwire_client.testing; "
        "print({'learnwire_service', 'torch', 'pandas', 'fastai'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
