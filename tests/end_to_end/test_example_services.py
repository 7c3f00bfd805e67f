"""The example services, called by a client, from a shell, and by a real grpcurl."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from google.protobuf import json_format
from learnwire.v1 import io_pb2
from learnwire_client import CallError, Client
from learnwire_client.arrays import decode_array

from tests.conftest import Trained
from tests.end_to_end.test_cli import learnwire
from tests.end_to_end.test_grpcurl import grpcurl

EXAMPLES = Path(__file__).parents[2] / "examples"
MOVIE = "I really liked that movie!"


@pytest.fixture(scope="module")
def classifying(sentiment: Trained) -> Iterator[str]:
    """The service around one model, whose model is saved under the name that it says."""
    lw.save_model("fastai_sentiment", sentiment.learner)
    with lw.serving(f"{EXAMPLES / 'sentiment_service.py'}:svc") as target:
        yield target


@pytest.fixture(scope="module")
def describing(trained: dict[str, Trained]) -> Iterator[Client]:
    """A client of the service around several runners."""
    service = f"{EXAMPLES / 'several_runners_service.py'}:svc"
    with lw.serving(service) as target, Client(target) as client:
        yield client


def test_a_text_is_classified_however_it_is_asked(classifying: str, sentiment: Trained) -> None:
    _, _, probabilities = sentiment.predict(MOVIE)
    with Client(classifying) as client:
        answer = client.call("classify_text", MOVIE)
        assert client.predict("fastai_sentiment", MOVIE).label == sentiment.predict(MOVIE)[0]
    np.testing.assert_allclose(answer, probabilities, atol=1e-5)

    shell = learnwire("call", "classify_text", MOVIE, "--target", classifying)
    assert json.loads(shell.stdout) == pytest.approx(probabilities, abs=1e-5)

    request = {"endpoint": "classify_text", "input": {"text": {"content": MOVIE}}}
    typed = grpcurl(classifying, "learnwire.v1.EndpointService/Call", data=request)
    array = json_format.ParseDict(json.loads(typed)["output"]["array"], io_pb2.NdArray())
    np.testing.assert_allclose(decode_array(array), probabilities, atol=1e-5)


def test_several_runners_answer_one_call(describing: Client, trained: dict[str, Trained]) -> None:
    row = next(row for row in trained["penguins"].items if row.notna().all())
    answer = describing.call("describe", inputs={"penguin": row, "review": MOVIE})
    label, index, probabilities = trained["sentiment"].predict(MOVIE)
    assert answer["species"] == trained["penguins"].predict(row)[0]
    assert answer["size"] == ("large" if row["body_mass_g"] >= 4500 else "small")
    assert answer["review"] == label
    assert answer["probability"] == pytest.approx(probabilities[index], abs=1e-5)
    assert describing.call("species", row).label == answer["species"]


def test_an_error_of_the_example_is_its_own(
    describing: Client, trained: dict[str, Trained]
) -> None:
    row: dict[str, Any] = dict(trained["penguins"].items[0].astype(object))
    cells = {name: None if pd.isna(cell) else cell for name, cell in row.items()}
    cells["body_mass_g"] = None
    with pytest.raises(CallError, match="has not been weighed") as caught:
        describing.call("describe", inputs={"penguin": cells, "review": MOVIE})
    assert (caught.value.code.name, caught.value.reason) == ("FAILED_PRECONDITION", "NOT_WEIGHED")


def test_sentences_are_classified_one_by_one(
    describing: Client, trained: dict[str, Trained]
) -> None:
    review = f"{MOVIE} It is far too long. See it twice?"
    answers = list(describing.stream("sentences", review))
    assert [answer["sentence"] for answer in answers] == [
        MOVIE,
        "It is far too long.",
        "See it twice?",
    ]
    for answer in answers:
        assert answer["review"] == trained["sentiment"].predict(answer["sentence"])[0]
