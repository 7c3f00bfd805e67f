from threading import Event
from typing import Any

import numpy as np
import pandas as pd
import pytest
from learnwire.v1 import prediction_pb2 as pb
from learnwire.v1.prediction_service_pb2 import (
    PredictRequest,
)
from learnwire_client import (
    ChannelOptions,
    Client,
    DeadlineExceeded,
    ServerFailed,
)

from tests.client.serving import Models, serving, single_label


def echo(request: PredictRequest, context: object) -> pb.Prediction:
    """Answer with the name of the model and the kind of the input."""
    return single_label(f"{request.model} {request.WhichOneof('input')}")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("a", "text"),
        ({"x": 1}, "row"),
        (pd.Series({"x": 1}), "row"),
        (np.zeros(2), "array"),
        ((np.zeros(2), np.zeros(3)), "arrays"),
    ],
    ids=["str", "dict", "Series", "ndarray", "tuple"],
)
def test_predict_sends_each_value_as_its_kind(value: Any, kind: str) -> None:
    with serving(echo) as target, Client(target) as client:
        assert client.predict("pets", value).label == f"pets {kind}"


def test_a_remote_learner_stands_where_a_local_one_stood() -> None:
    with serving(echo) as target, Client(target) as client:
        learner = client.learner("pets")
        label, index, probabilities = learner.predict("a")
    assert (label, index, probabilities.tolist()) == ("pets text", 1, [0.25, 0.75])


@pytest.mark.parametrize(("own", "call"), [(0.2, ...), (None, 0.2), (60, 0.2)])
def test_a_slow_answer_ends_with_the_timeout(own: float | None, call: Any) -> None:
    stop = Event()

    def predict(request: object, context: object) -> pb.Prediction:
        stop.wait(60)
        return single_label()

    with serving(predict) as target, Client(target, timeout=own) as client:
        with pytest.raises(DeadlineExceeded):
            client.predict("m", "text", timeout=call)
        stop.set()


def test_an_answer_that_cannot_be_read_is_a_failure_of_the_server() -> None:
    with (
        serving(lambda request, context: pb.Prediction()) as target,
        Client(target) as client,
        pytest.raises(ServerFailed, match="cannot be read"),
    ):
        client.predict("m", "text")


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b"], ["a", "b", "c", "d", "e"]])
def test_models_lists_the_models_of_all_pages(names: list[str]) -> None:
    with serving(models=Models(names)) as target, Client(target) as client:
        assert [model.name for model in client.models()] == names


def test_a_closed_client_refuses_to_call() -> None:
    with serving() as target:
        with Client(target, options=ChannelOptions(retries=0)) as client:
            client.predict("m", "text")
        with pytest.raises(ValueError, match="closed"):
            client.predict("m", "text")
