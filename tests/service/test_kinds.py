"""A saved learner of each kind answers through its runner as fastai's own learner does."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import pytest
import torch
from fastai.losses import BCEWithLogitsLossFlat
from learnwire_client.prediction import Several
from learnwire_service.signature.agreement import TOLERANCE
from PIL import Image

from tests.conftest import Trained

from . import small_learners as small
from . import small_networks as networks
from .small_learners import ROW, TEXT, ask

pytestmark = pytest.mark.slow

ROWS: list[Any] = [
    ROW,
    ROW | {"shop": "south", "size": 3, "open": False, "price": 14},
    ROW | {"weight": None},
    ROW | {"shop": None, "size": None, "open": None},
    ROW | {"shop": "east", "size": 9},
]
TEXTS: list[Any] = [TEXT, "", "bad " * 100, "xxpad xxunk good", "unheard of"]
IMAGES: list[Any] = [
    *networks.images()[:2],
    networks.images()[0, :, ::-2],
    np.zeros((9, 40, 3), np.uint8),
]
ARRAYS: list[Any] = [np.eye(4, dtype=np.float32)[1], np.full(4, -2.5, np.float32)]


def assert_close(answer: Any, expected: Any) -> None:
    assert np.shape(answer) == np.shape(expected)
    assert np.asarray(answer) == pytest.approx(np.asarray(expected), rel=TOLERANCE, abs=TOLERANCE)


def as_loaders_give_it(item: Any) -> Any:
    """Bring arrays to what `learner.predict` takes of a learner on arrays."""
    return tuple(map(torch.from_numpy, item if isinstance(item, tuple) else (item,)))


@pytest.mark.parametrize(
    ("make", "items"),
    [
        (small.shop_learner, ROWS),
        (lambda: small.shop_regressor("total"), ROWS),
        (lambda: small.shop_regressor("total", "twice"), ROWS),
        (small.shop_tagger, ROWS),
        (small.text_learner, TEXTS),
        (small.text_tagger, TEXTS),
        (small.text_regressor, TEXTS),
        (networks.image_learner, IMAGES),
        (networks.segmenter, IMAGES),
        (networks.point_learner, IMAGES),
        (networks.array_learner, ARRAYS),
        (lambda: networks.array_learner(2), [tuple(ARRAYS)]),
    ],
    ids=[
        "rows to a label",
        "rows to a number",
        "rows to two numbers",
        "rows to labels",
        "texts to a label",
        "texts to labels",
        "texts to a number",
        "images to a label",
        "images to a mask",
        "images to a point",
        "arrays to a label",
        "pairs of arrays to a label",
    ],
)
def test_a_runner_answers_as_the_learner_that_was_saved(
    make: Callable[[], Any], items: list[Any], own_home: Path
) -> None:
    learner = make()
    model = lw.save_model("m", learner, nulls="allow")
    assert model.manifest.verified
    runner = model.to_runner()
    for item in items:
        answer = runner.predict.run(item)
        on_arrays = model.manifest.adapter == "arrays"
        index, probabilities = ask(learner, as_loaders_give_it(item) if on_arrays else item)
        assert answer.probabilities.dtype == np.float32
        assert_close(answer.probabilities, probabilities)
        assert_close(answer.index, index)


@pytest.mark.parametrize("name", ["sentiment", "penguins", "digits"])
def test_a_runner_answers_as_the_learner_trained_on_real_data(
    name: str, trained: dict[str, Trained]
) -> None:
    runner = lw.get(name).to_runner()
    for item in trained[name].items[:20]:
        label, index, probabilities = trained[name].predict(item)
        answer = runner.predict.run(item)
        assert_close(answer.probabilities, probabilities)
        assert (answer.label, answer.index) == (label, int(index))


def test_a_user_and_a_film_get_the_rating_that_a_batch_of_fastai_gives(own_home: Path) -> None:
    learner = small.collab()
    pairs = pd.DataFrame({"user": [1, 2, 3, 5], "film": [5, 1, 1, 2]})
    with learner.no_bar():
        expected, _ = learner.get_preds(dl=learner.dls.test_dl(pairs, num_workers=0))
    runner = lw.save_model("m", learner).to_runner()
    for row, rating in zip(pairs.to_dict("records"), expected, strict=True):
        answer = runner.predict.run(row)
        assert_close(answer.label, rating.reshape(1))
        assert answer.warnings == ()
    assert "not seen at training" in runner.predict.run({"user": 99, "film": 1}).warnings[0]


def test_text_columns_reach_the_model_as_the_tokens_of_its_training(own_home: Path) -> None:
    learner = small.text_learner(["title", "text"])
    runner = lw.save_model("m", learner).to_runner()
    frame = small.text_frame()[["title", "text"]]
    learner.model.eval()
    for i, number in enumerate(learner.dls.valid_ds.items.index):
        tokens = learner.dls.valid_ds[i][0]
        learner.model.reset()
        with torch.no_grad():
            expected = learner.model(tokens[None])[0].softmax(dim=1)[0]
        answer = runner.predict.run(frame.loc[number])
        assert_close(answer.probabilities, expected.numpy())


def test_all_outputs_of_a_learner_are_answered(own_home: Path) -> None:
    learner = networks.two_headed()
    runner = lw.save_model("m", learner).to_runner()
    for image in IMAGES:
        with learner.no_bar():
            label, *_ = learner.predict(image)
            raw, _ = learner.get_preds(dl=learner.dls.test_dl([image], num_workers=0))
        answer = runner.predict.run(image)
        assert isinstance(answer, Several)
        assert answer.label == tuple(label)
        for head, expected in zip(answer.heads, raw, strict=True):
            assert_close(head.probabilities, expected[0])
            assert head.index == expected[0].argmax()


def test_points_are_told_in_pixels_of_the_image_that_was_sent(own_home: Path) -> None:
    learner = networks.point_learner()
    runner = lw.save_model("m", learner).to_runner()
    for image in IMAGES:
        with learner.no_bar():
            label, *_ = learner.predict(image)
        assert_close(runner.predict.run(image).label, label)


@pytest.mark.parametrize("extension", ["PNG", "JPEG", "BMP"])
def test_an_encoded_image_is_answered_as_by_the_learner(extension: str, own_home: Path) -> None:
    learner = networks.image_learner()
    file = io.BytesIO()
    Image.fromarray(IMAGES[0]).save(file, extension)
    answer = (
        lw.save_model("m", learner)
        .to_runner()
        .predict.run(np.frombuffer(file.getvalue(), np.uint8))
    )
    _, probabilities = ask(learner, file.getvalue())
    assert_close(answer.probabilities, probabilities)


@pytest.mark.parametrize("kept", [1, 60, -40])
def test_an_image_that_is_cut_is_its_senders_fault(kept: int, own_home: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(IMAGES[0]).save(file, "PNG")
    runner = lw.save_model("m", networks.image_learner()).to_runner()
    with pytest.raises(lw.InvalidInput, match="does not decode"):
        runner.predict.run(np.frombuffer(file.getvalue()[:kept], np.uint8))


def test_a_tagger_answers_those_classes_that_are_above_its_threshold(own_home: Path) -> None:
    learner = small.text_tagger()
    learner.loss_func = BCEWithLogitsLossFlat(thresh=0.0)
    label, index, probabilities = lw.save_model("all", learner).to_runner().predict.run(TEXT)
    assert label == ("good", "slow")
    assert index.tolist() == [True, True]
    learner.loss_func = BCEWithLogitsLossFlat(thresh=float(probabilities.max()) + 0.01)
    assert lw.save_model("none", learner).to_runner().predict.run(TEXT).label == ()
