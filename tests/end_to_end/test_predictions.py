"""Every way of predicting over a socket says what `learner.predict` says."""

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import Client, InvalidInput
from learnwire_client.arrays import encode_array
from learnwire_client.rows import encode_row

from tests.conftest import Trained

MODELS = ["sentiment", "penguins", "digits"]
TOLERANCE = 1e-5


def assert_equal(answer: Any, expected: tuple[Any, Any, Any]) -> None:
    label, index, probabilities = expected
    assert answer.probabilities == pytest.approx(probabilities, abs=TOLERANCE)
    first, second = np.sort(probabilities)[::-1][:2]
    if first - second >= 2 * TOLERANCE:
        assert (answer.label, answer.index) == (label, int(index))


def request_for(model: str, item: Any) -> pb.PredictRequest:
    request = pb.PredictRequest(model=model)
    if isinstance(item, str):
        request.text.content = item
    elif isinstance(item, np.ndarray):
        request.array.CopyFrom(encode_array(item))
    else:
        request.row.CopyFrom(encode_row(item))
    return request


@pytest.mark.parametrize("name", MODELS)
def test_predict_equals_the_learner(name: str, trained: dict[str, Trained], client: Client) -> None:
    for item in trained[name].items[:60]:
        answer = client.predict(name, item)
        assert_equal(answer, trained[name].predict(item))
        assert answer.model == name
        assert answer.version


@pytest.mark.parametrize("name", MODELS)
def test_predict_many_equals_the_learner_in_order(
    name: str, trained: dict[str, Trained], client: Client
) -> None:
    items = trained[name].items
    answers = list(client.predict_many(name, items))
    assert len(answers) == len(items) >= 100
    for item, answer in zip(items, answers, strict=True):
        assert_equal(answer, trained[name].predict(item))


@pytest.mark.parametrize("name", MODELS)
def test_predict_stream_answers_each_id_once_as_the_learner(
    name: str, trained: dict[str, Trained], target: str
) -> None:
    items = dict(enumerate(trained[name].items))
    requests = (
        pb.PredictStreamRequest(id=str(i), request=request_for(name, item))
        for i, item in items.items()
    )
    with grpc.insecure_channel(target) as channel:
        stub = pb_grpc.PredictionServiceStub(channel)
        responses = list(stub.PredictStream(requests))
    assert sorted(int(response.id) for response in responses) == sorted(items)
    for response in responses:
        expected = trained[name].predict(items[int(response.id)])
        answer = response.prediction.single_label
        assert list(answer.probabilities) == pytest.approx(expected[2], abs=TOLERANCE)


def test_a_data_frame_goes_as_a_table(trained: dict[str, Trained], client: Client) -> None:
    import pandas as pd

    rows = trained["penguins"].items
    frame = pd.DataFrame(rows).infer_objects()
    answers = list(client.predict_many("penguins", frame))
    for row, answer in zip(rows, answers, strict=True):
        assert_equal(answer, trained["penguins"].predict(row))


BAD: dict[str, Any] = {
    "sentiment": "x" * 100_001,
    "penguins": {"island": 3},
    "digits": np.zeros((2, 2, 2)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_bad_item_of_many_fails_alone(
    name: str, trained: dict[str, Trained], client: Client
) -> None:
    good = trained[name].items[:10]
    answers = list(client.predict_many(name, [*good[:5], BAD[name], *good[5:]]))
    assert isinstance(answers.pop(5), InvalidInput)
    for item, answer in zip(good, answers, strict=True):
        assert_equal(answer, trained[name].predict(item))


def test_a_stream_outlives_bad_items(trained: dict[str, Trained], target: str) -> None:
    good = trained["penguins"].items[0]

    def requests() -> Iterator[pb.PredictStreamRequest]:
        yield pb.PredictStreamRequest(id="good", request=request_for("penguins", good))
        yield pb.PredictStreamRequest(id="bad", request=request_for("penguins", {"island": 3}))
        yield pb.PredictStreamRequest(id="unknown", request=request_for("nobody", good))
        yield pb.PredictStreamRequest(id="none")
        yield pb.PredictStreamRequest(id="text", request=request_for("sentiment", "fine"))

    with grpc.insecure_channel(target) as channel:
        responses = list(pb_grpc.PredictionServiceStub(channel).PredictStream(requests()))
    outcomes = {(r.id, r.status.code if r.HasField("status") else 0) for r in responses}
    invalid, not_found = (
        grpc.StatusCode.INVALID_ARGUMENT.value[0],
        grpc.StatusCode.NOT_FOUND.value[0],
    )
    assert len(responses) == 5
    assert outcomes == {
        ("good", 0),
        ("bad", invalid),
        ("unknown", not_found),
        ("none", invalid),
        ("text", 0),
    }


def test_the_remote_learner_replaces_the_local_one(
    trained: dict[str, Trained], client: Client
) -> None:
    text = trained["sentiment"].items[5]
    label, index, probabilities = client.learner("sentiment").predict(text)
    expected = trained["sentiment"].predict(text)
    assert (label, index) == (expected[0], int(expected[1]))
    assert probabilities == pytest.approx(expected[2], abs=TOLERANCE)


def test_a_malformed_message_ends_the_stream_after_all_before_it_are_answered(
    trained: dict[str, Trained], target: str
) -> None:
    good = [
        pb.PredictStreamRequest(id=str(i), request=request_for("penguins", item))
        for i, item in enumerate(trained["penguins"].items[:5])
    ]
    with grpc.insecure_channel(target) as channel:
        call: Any = channel.stream_stream(
            "/learnwire.v1.PredictionService/PredictStream",
            response_deserializer=pb.PredictStreamResponse.FromString,
        )
        answers = call(iter([*(one.SerializeToString() for one in good), b"\xff\xff\xff"]))
        ids = [next(answers).id for _ in good]
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert sorted(ids) == ["0", "1", "2", "3", "4"]
