"""Sealed images and arrays answer mixed batches as `learner.predict` does one by one."""

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
import torch
from fastai.data.core import DataLoaders, TfmdDL
from fastai.learner import Learner
from fastai.torch_basics import Transform
from learnwire_client.prediction import Several
from learnwire_service.learners.arrays import ArrayAdapter
from learnwire_service.learners.export import export, load
from learnwire_service.learners.plan import Unplanned
from learnwire_service.learners.vision import VisionAdapter
from learnwire_service.sealed.plan import Plan
from learnwire_service.signature.agreement import TOLERANCE
from learnwire_service.signature.answers import Stacked
from PIL import Image
from torch import nn

from . import small_networks as networks
from .sealed_plans import sealed
from .small_learners import After, fitted

_SIZES = ((16, 16), (9, 40), (16, 16), (33, 20), (12, 12))


def mixed_images(count: int, channels: int = 3) -> list[Any]:
    """Give images of noise in several sizes; each third one is encoded."""
    random = np.random.default_rng(1)
    images = []
    for i in range(count):
        shape = (*_SIZES[i % len(_SIZES)], *((channels,) if channels > 1 else ()))
        pixels = (random.integers(0, 256, shape) * random.uniform(0.2, 1)).astype(np.uint8)
        images.append(encoded(pixels, ("PNG", "JPEG")[i % 2]) if i % 3 == 0 else pixels)
    return images


def encoded(pixels: Any, extension: str) -> Any:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, extension)
    return np.frombuffer(file.getvalue(), np.uint8)


def sent(item: Any) -> Any:
    """Give what `learner.predict` takes for an item."""
    if isinstance(item, tuple) or item.dtype == np.float32:
        return tuple(map(torch.from_numpy, item if isinstance(item, tuple) else (item,)))
    return item.tobytes() if item.ndim == 1 else item


def expected(learner: Any, item: Any) -> list[tuple[Any, Any]]:
    """Ask the learner for an item alone: decoded values and probabilities of each output."""
    with learner.no_bar():
        loader = learner.dls.test_dl([sent(item)], num_workers=0)
        raw, _, decoded = learner.get_preds(dl=loader, with_decoded=True)
        if not isinstance(raw, torch.Tensor):
            return [(d[0].numpy(), r[0].numpy()) for d, r in zip(decoded, raw, strict=True)]
        _, index, probabilities = learner.predict(sent(item))
    return [(index.numpy(), probabilities.numpy())]


def shuffled_batches(items: Sequence[Any]) -> Iterator[list[int]]:
    random = np.random.default_rng(2)
    order = random.permutation(len(items)).tolist()
    while order:
        size = int(random.integers(1, 24))
        yield order[:size]
        order = order[size:]


def assert_answers_as_alone(plan: Plan, learner: Any, items: Sequence[Any]) -> None:
    alone = [expected(learner, item) for item in items]
    for batch in shuffled_batches(items):
        answers = plan.predict([plan.encode(items[i]) for i in batch])
        assert len(answers) == len(batch)
        for i, answer in zip(batch, answers, strict=True):
            heads = answer.heads if isinstance(answer, Several) else [answer]
            for head, (index, probabilities) in zip(heads, alone[i], strict=True):
                assert not isinstance(head, Exception)
                assert_close(head.probabilities, probabilities)
                assert_close(head.index, index)


def assert_close(answer: Any, wanted: Any) -> None:
    assert np.shape(answer) == np.shape(wanted)
    np.testing.assert_allclose(answer, wanted, rtol=TOLERANCE, atol=TOLERANCE)


def vision_plan(learner: Any) -> Plan:
    return sealed(VisionAdapter(learner))


def sized_freely(
    target: Any,
    get_y: Any,
    outputs: int,
    mode: str = "RGB",
    side: int | None = None,
    item_tfms: Any = None,
) -> Any:
    """A learner of images of any size, which transforms may bring to one."""
    lw.import_torchvision()
    from fastai.vision.all import (
        DataBlock,
        ImageBlock,
        Normalize,
        PILImage,
        PILImageBW,
        RandomSplitter,
        aug_transforms,
        noop,
    )

    image_type, channels = (PILImage, 3) if mode == "RGB" else (PILImageBW, 1)
    images = networks.images() if channels == 3 else networks.images()[..., 0]
    dls = DataBlock(
        (ImageBlock(image_type), target()),
        get_items=noop,
        get_y=get_y,
        splitter=RandomSplitter(),
        item_tfms=item_tfms,
        batch_tfms=[
            *aug_transforms(size=side),
            Normalize.from_stats([0.5] * channels, [0.2] * channels),
        ],
    ).dataloaders(list(images), path=Path(), bs=4, num_workers=0)
    body = (nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return fitted(Learner(dls, nn.Sequential(*body, nn.Linear(4, outputs))))


def grey() -> Any:
    """A classifier of grey images."""
    from fastai.vision.all import CategoryBlock

    return sized_freely(CategoryBlock, lambda image: str(image[0, 0] > 127), 2, mode="L")


def tagger() -> Any:
    """A learner that answers several labels of an image."""
    from fastai.vision.all import MultiCategoryBlock, Resize

    return sized_freely(
        MultiCategoryBlock,
        lambda image: [name for name, c in zip("rgb", image[0, 0], strict=True) if c > 127],
        3,
        side=8,
        item_tfms=Resize(20),
    )


def regressor() -> Any:
    """A learner that answers a number for an image."""
    from fastai.vision.all import RegressionBlock

    return sized_freely(RegressionBlock, lambda image: image.mean() / 255, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "items"),
    [
        (networks.image_learner, mixed_images(300)),
        (tagger, mixed_images(60)),
        (regressor, mixed_images(60)),
        (grey, mixed_images(60, channels=1)),
        (networks.segmenter, mixed_images(60)),
        (networks.two_headed, mixed_images(60)),
    ],
    ids=["label, resized", "labels", "number", "grey", "mask", "two outputs"],
)
def test_mixed_batches_of_images_are_answered_as_each_image_alone(
    make: Callable[[], Any], items: list[Any]
) -> None:
    learner = make()
    assert_answers_as_alone(vision_plan(learner), learner, items)


@pytest.mark.parametrize("inputs", [1, 2])
def test_batches_of_arrays_are_answered_as_each_item_alone(inputs: int) -> None:
    learner = networks.array_learner(inputs)
    numbers = np.random.default_rng(3).normal(0, 2, (300, inputs, 4)).astype(np.float32)
    items = [tuple(parts) if inputs > 1 else parts[0] for parts in numbers]
    assert_answers_as_alone(sealed(ArrayAdapter(learner)), learner, items)


def test_a_learner_loaded_without_its_data_is_answered_as_the_live_one(tmp_path: Path) -> None:
    learner = networks.image_learner()
    signature = VisionAdapter(learner).signature
    export(learner, tmp_path / "learner")
    loaded = load(tmp_path / "learner")
    plan = sealed(VisionAdapter(loaded, signature))
    assert_answers_as_alone(plan, learner, mixed_images(12))


def test_the_learner_itself_predicts_the_same_before_and_after() -> None:
    learner = networks.image_learner()
    items = mixed_images(6)
    before = [expected(learner, item) for item in items]
    plan = vision_plan(learner)
    plan.predict([plan.encode(item) for item in items])
    for item, [(index, probabilities)] in zip(items, before, strict=True):
        [(index_after, probabilities_after)] = expected(learner, item)
        assert index_after == index
        np.testing.assert_array_equal(probabilities_after, probabilities)


def test_a_model_left_in_training_mode_still_predicts() -> None:
    learner = regressor()
    plan = vision_plan(learner)
    items = mixed_images(6)
    alone = [expected(learner, item) for item in items]
    learner.model.train()
    answers = plan.predict([plan.encode(item) for item in items])
    for answer, [(_, values)] in zip(answers, alone, strict=True):
        assert_close(answer.probabilities, values)  # type: ignore[union-attr]


def test_batches_are_resampled_also_when_the_last_one_was_for_training() -> None:
    learner = tagger()
    plan_before = vision_plan(learner)
    learner.dls.train.one_batch()
    plan_after = vision_plan(learner)
    items = mixed_images(4)
    for plan in (plan_before, plan_after):
        assert_answers_as_alone(plan, learner, items)
        learner.dls.train.one_batch()


def test_a_corrupt_image_is_refused_and_its_neighbours_are_answered() -> None:
    learner = networks.image_learner()
    plan = vision_plan(learner)
    good = mixed_images(5)
    alone = [expected(learner, item) for item in good]
    encodings = [plan.encode(item) for item in good[:2]]
    with pytest.raises(lw.InvalidInput, match="does not decode"):
        plan.encode(good[0][:-40])
    encodings += [plan.encode(item) for item in good[2:]]
    for answer, [(_, probabilities)] in zip(plan.predict(encodings), alone, strict=True):
        assert_close(answer.probabilities, probabilities)  # type: ignore[union-attr]


def test_labels_of_images_of_different_sizes_come_stacked() -> None:
    plan = vision_plan(grey())
    answers = plan.predict([plan.encode(item) for item in mixed_images(9, channels=1)])
    assert isinstance(answers, Stacked)
    assert len(answers) == 9


def test_an_image_costs_the_elements_that_the_model_is_given() -> None:
    plan = vision_plan(networks.image_learner())
    small, wide = (np.zeros((*size, 3), np.uint8) for size in ((12, 12), (30, 900)))
    assert plan.cost(plan.encode(small)) == plan.cost(plan.encode(wide))
    free = vision_plan(networks.segmenter())
    assert free.cost(free.encode(wide)) == wide.size


def test_at_most_a_thousand_small_items_share_a_batch() -> None:
    plan = sealed(ArrayAdapter(networks.array_learner()))
    assert plan.max_cost // plan.cost(plan.encode(np.zeros(4, np.float32))) == 1000


class OwnItems(TfmdDL):  # type: ignore[misc]
    """Makes items in a way that no plan knows."""

    def create_item(self, s: Any) -> Any:
        return super().create_item(s)


class OwnLoaders(DataLoaders):  # type: ignore[misc]
    """Makes loaders for prediction in a way that no plan knows."""

    def test_dl(self, *args: Any, **settings: Any) -> Any:
        return DataLoaders.test_dl(self, *args, **settings)


class Remembering(networks.Joined):
    """Has something to forget before each prediction."""

    def reset(self) -> None:
        pass


def _changed(adapter: Any, change: Callable[[Any], Any]) -> Any:
    change(adapter.learner)
    return adapter


def _images(change: Callable[[Any], Any]) -> Any:
    return _changed(VisionAdapter(networks.image_learner()), change)


def _arrays(change: Callable[[Any], Any]) -> Any:
    return _changed(ArrayAdapter(networks.array_learner()), change)


def _in_own_loaders(learner: Any) -> None:
    learner.dls, n_inp = OwnLoaders(*learner.dls.loaders), learner.dls.n_inp
    learner.dls.n_inp = n_inp


def _sort(items: Any) -> Any:
    return sorted(items, key=len)


def _fail(image: Any) -> Any:
    raise RuntimeError("no light")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: _images(lambda it: setattr(it.dls, "n_inp", 2)), "takes 2 inputs"),
        (
            lambda: _images(lambda it: it.dls.valid.after_item.add(Transform(_fail))),
            "the transform _fail is not known",
        ),
        (
            lambda: _images(lambda it: it.dls.valid.after_item.fs.clear()),
            "other pixels than a recipe tells",
        ),
        (
            lambda: _images(lambda it: it.dls.valid_ds.tls[0].tfms.fs.clear()),
            "no transform that opens an image",
        ),
        (
            lambda: _images(lambda it: it.dls.valid.before_batch.add(Transform(_sort))),
            "_sort makes of an item depends on others",
        ),
        (
            lambda: _arrays(lambda it: setattr(it.dls.valid, "retain", lambda res, _: res)),
            "its loader has a retain of its own",
        ),
        (lambda: _arrays(lambda it: setattr(it.dls.valid, "bs", None)), "no batches"),
        (lambda: _arrays(_in_own_loaders), "its data is in OwnLoaders"),
        (
            lambda: _arrays(lambda it: setattr(it, "model", Remembering(4))),
            "a state that is reset",
        ),
        (lambda: _arrays(lambda it: it.add_cb(After(lambda _: None))), "After"),
    ],
)
def test_a_learner_that_does_more_than_is_known_does_not_seal(
    make: Callable[[], Any], reason: str
) -> None:
    with pytest.raises(Unplanned, match=reason):
        sealed(make())
