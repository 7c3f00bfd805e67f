"""Jobs of many items over a socket: complete, in order, as `learner.predict`, stoppable."""

from itertools import count, cycle, islice
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
from learnwire_client import CallError, Client, InvalidInput, ModelNotFound, SingleLabel
from learnwire_client.convoy import IN_FLIGHT
from learnwire_client.parts import MAX_ITEMS

from tests.conftest import Trained
from tests.end_to_end import gate
from tests.end_to_end.test_predictions import BAD, MODELS, TOLERANCE, assert_equal


@pytest.fixture(scope="module")
def frame(trained: dict[str, Trained]) -> pd.DataFrame:
    """Three hundred rows of penguins, with an index that is no range."""
    rows = pd.DataFrame(list(islice(cycle(trained["penguins"].items), 300)))
    return rows.infer_objects().set_index(pd.Index([f"row {i}" for i in range(300)]))


@pytest.mark.parametrize("name", MODELS)
def test_several_calls_answer_as_the_learner_with_bad_items_in_their_places(
    name: str, trained: dict[str, Trained], client: Client
) -> None:
    oracle = trained[name]
    bad = {0, MAX_ITEMS - 1, MAX_ITEMS, MAX_ITEMS + 7}
    items = [BAD[name] if i in bad else oracle.items[i % 100] for i in range(3 * MAX_ITEMS)]
    expected = [oracle.predict(item) for item in oracle.items[:100]]
    answers = list(client.predict_many(name, iter(items)))
    assert len(answers) == len(items)
    for i, answer in enumerate(answers):
        if i in bad:
            assert isinstance(answer, InvalidInput)
            assert answer.index == i
        else:
            assert_equal(answer, expected[i % 100])


def test_an_array_of_images_is_answered_one_by_one(
    trained: dict[str, Trained], client: Client
) -> None:
    images = np.stack(trained["digits"].items[:80])
    answers = list(client.predict_many("digits", images, errors="raise"))
    for image, answer in zip(images, answers, strict=True):
        assert_equal(answer, trained["digits"].predict(image))


def test_an_endless_source_is_answered_as_far_as_one_looks(
    trained: dict[str, Trained], client: Client
) -> None:
    read, rows = count(), trained["penguins"].items
    answers = client.predict_many("penguins", (rows[next(read) % 100] for _ in count()))
    assert all(isinstance(answer, SingleLabel) for answer in islice(answers, 10))
    answers.close()
    assert next(read) <= (IN_FLIGHT + 1) * MAX_ITEMS + 2


def test_a_frame_is_answered_with_a_frame(
    frame: pd.DataFrame, trained: dict[str, Trained], client: Client
) -> None:
    answers = client.predict_frame("penguins", frame)
    classes = list(client.model("penguins").output.classes)
    expected = [trained["penguins"].predict(row) for row in trained["penguins"].items]
    probabilities = np.stack([expected[i % 100][2] for i in range(300)])
    assert answers.index.equals(frame.index)
    assert list(answers.columns) == ["label", *(f"p_{c}" for c in classes), "warnings", "error"]
    got = answers[[f"p_{c}" for c in classes]].to_numpy()
    np.testing.assert_allclose(got, probabilities, atol=TOLERANCE)
    assert answers["label"].tolist() == [classes[i] for i in probabilities.argmax(axis=1)]
    assert answers["error"].isna().all()


def test_a_bad_row_of_a_frame_fails_alone_and_an_odd_one_has_a_warning(
    frame: pd.DataFrame, client: Client
) -> None:
    odd = frame.copy()
    odd.loc["row 7", "body_mass_g"] = np.inf
    odd.loc["row 299", "island"] = "Atlantis"
    answers = client.predict_frame("penguins", odd)
    assert list(answers.index[answers["error"].notna()]) == ["row 7"]
    assert 'row.cells["body_mass_g"]: expected a finite number' in str(
        answers.loc["row 7", "error"]
    )
    assert "Atlantis" in str(answers.loc["row 299", "warnings"])
    assert answers.drop(index="row 7").drop(columns=["warnings", "error"]).notna().all(axis=None)


def test_a_series_of_texts_is_answered_with_a_frame(
    trained: dict[str, Trained], client: Client
) -> None:
    texts = pd.Series(trained["sentiment"].items)
    answers = client.predict_frame("sentiment", texts)
    assert answers["label"].tolist() == [trained["sentiment"].predict(text)[0] for text in texts]


def test_an_unknown_model_raises_with_the_first_answer(client: Client) -> None:
    with pytest.raises(ModelNotFound, match="served here") as caught:
        next(client.predict_many("nobody", ["a", "b"]))
    assert caught.value.index == 0


def test_a_server_with_the_smallest_limit_takes_every_call(sentiment: Trained) -> None:
    lw.save_model("tiny", sentiment.learner)
    texts = [*["x" * 90_000] * 15, "fine", *["y" * 90_000] * 15]
    with lw.serving("tiny", max_message_mib=1) as target, Client(target) as client:
        answers = list(client.predict_many("tiny", texts, timeout=200))
    assert not any(isinstance(answer, CallError) for answer in answers)
    assert_equal(answers[15], sentiment.predict("fine"))
    assert len(answers) == 31


def test_leaving_a_job_stops_the_server(gated: str, penguins: Trained) -> None:
    unsendable: list[Any] = [{"island": []}] * MAX_ITEMS
    gate.open_.clear()
    with Client(gated) as client:
        # What cannot be sent is answered while the calls behind it wait at the gate. Values that
        # are at hand are sent before the first answer is given.
        answers = client.predict_many("gated", [*unsendable, *penguins.items * MAX_ITEMS])
        assert isinstance(next(answers), InvalidInput)
        gate.entered.wait()
        answers.close()
        # It is answered behind the cancellations, which go ahead of it on the same connection.
        client.models()
        gate.open_.set()
        assert client.predict("gated", penguins.items[0]).label
    assert gate.predictions < 10


@pytest.mark.parametrize("name", MODELS)
def test_top_and_repr_tell_the_answer(
    name: str, trained: dict[str, Trained], client: Client
) -> None:
    answer: Any = client.predict(name, trained[name].items[3])
    top = answer.top(2)
    assert top[0] == (answer.label, pytest.approx(max(answer.probabilities)))
    assert top[1][0] in client.model(name).output.classes
    assert f"SingleLabel(label={answer.label!r}, probability=" in repr(answer)
    assert f"model='{name}:{answer.version}'" in repr(answer)


def test_models_are_described_for_people(client: Client) -> None:
    page = repr(client.model("penguins"))
    assert "answers one of 3 classes: Adelie, Chinstrap, Gentoo" in page
    assert any(
        line.split()[:4] == ["island", "string", "no", "Biscoe,"] for line in page.splitlines()
    )
    assert "takes a text of at most 100000 characters" in repr(client.model("sentiment"))
    digits = repr(client.model("digits"))
    assert "takes an image, encoded or as an array: uint8 [height any, width any]" in digits
    assert [model.name for model in client.models()] == ["digits", "penguins", "sentiment"]
