"""Each kind of learner over a socket, in all three ways, as fastai itself answers."""

from collections.abc import Iterator
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pytest
from learnwire.v1 import prediction_service_pb2 as pb
from learnwire.v1 import prediction_service_pb2_grpc as pb_grpc
from learnwire_client import Client
from learnwire_client.answers import decode_prediction
from learnwire_client.inputs import predict_request
from learnwire_client.prediction import AnyPrediction, Points, Several

from tests.end_to_end.kinds import COUNT, KINDS, Answer, Kind

TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=KINDS)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, Kind, list[list[Answer]]]]:
    """A server of one kind: its target, the model's name, and the oracle's answers."""
    name, kind = str(request.param), KINDS[request.param]()
    lw.save_model(name, kind.learner, adapter=kind.adapter)
    assert lw.get(name).manifest.verified
    expected = [kind.ask(kind.learner, item) for item in kind.items]
    assert len(expected) >= COUNT - 4
    with lw.serving(name) as target:
        yield target, name, kind, expected
    lw.delete_model(name)


def assert_equal(answer: Any, expected: list[Answer]) -> None:
    heads = answer.heads if isinstance(answer, Several) else (answer,)
    for head, (decoded, raw) in zip(heads, expected, strict=True):
        assert isinstance(head, AnyPrediction.__origin__)  # type: ignore[attr-defined]
        assert head.probabilities == pytest.approx(raw, rel=TOLERANCE, abs=TOLERANCE)
        index = head.label if isinstance(head, Points) else np.asarray(head.index)
        if index.dtype.kind == "f":
            assert index == pytest.approx(decoded, rel=TOLERANCE, abs=TOLERANCE)
        else:
            undecided = _margin(head, raw) < 2 * TOLERANCE
            assert np.all((index == decoded) | undecided)


def _margin(head: Any, raw: Any) -> Any:
    """How decided an answer is, for each of its labels."""
    if np.shape(head.index) == np.shape(raw):
        return abs(raw - 0.5)
    second, first = np.partition(raw, (-2, -1), axis=0)[-2:]
    return first - second


def test_predict(served: tuple[str, str, Kind, list[list[Answer]]]) -> None:
    target, name, kind, expected = served
    with Client(target, timeout=120) as client:
        for item, answer in zip(kind.items, expected, strict=True):
            assert_equal(client.predict(name, item), answer)


def test_predict_many(served: tuple[str, str, Kind, list[list[Answer]]]) -> None:
    target, name, kind, expected = served
    with Client(target, timeout=120) as client:
        answers = list(client.predict_many(name, kind.items))
    for answer, one in zip(answers, expected, strict=True):
        assert_equal(answer, one)


def test_predict_stream(served: tuple[str, str, Kind, list[list[Answer]]]) -> None:
    target, name, kind, expected = served
    requests = (
        pb.PredictStreamRequest(id=str(i), request=predict_request(name, item))
        for i, item in enumerate(kind.items)
    )
    with grpc.insecure_channel(target) as channel:
        responses = list(pb_grpc.PredictionServiceStub(channel).PredictStream(requests))
    assert sorted(int(response.id) for response in responses) == list(range(len(expected)))
    for response in responses:
        answer: AnyPrediction = decode_prediction(response.prediction, lambda _: ())
        assert_equal(answer, expected[int(response.id)])
