"""Sealed images: each pipeline makes the same pixels of any file, each network answers alike."""

import io
from collections.abc import Iterator
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
from learnwire_client.prediction import Points
from learnwire_service.learners.vision import VisionAdapter
from learnwire_service.signature.agreement import TOLERANCE
from PIL import Image

from .sealed_plans import sealed
from .small_networks import bright, image_loaders, images
from .test_sealed_images import assert_answers_as_alone, mixed_images, sent

lw.import_torchvision()

from fastai.vision.all import (  # noqa: E402 - torchvision was to be cured before
    CategoryBlock,
    CropPad,
    ImageBlock,
    Learner,
    MaskBlock,
    MSELossFlat,
    Normalize,
    PILImage,
    PILImageBW,
    PointBlock,
    RandomCrop,
    RandomResizedCrop,
    Resize,
    aug_transforms,
    imagenet_stats,
    resnet18,
    tensor,
    unet_learner,
    vision_learner,
)
from torch import nn  # noqa: E402

pytestmark = pytest.mark.slow

_SIZES = ((16, 16), (9, 40), (33, 20), (1, 30), (64, 5), (17, 31))
# Pillow's mode, and the formats that keep it.
_FILES = (
    *[("RGB", one) for one in ("PNG", "JPEG", "TIFF", "WEBP", "BMP")],
    *[("RGBA", one) for one in ("PNG", "TIFF", "WEBP")],
    *[("L", one) for one in ("PNG", "JPEG", "BMP")],
    *[("P", one) for one in ("PNG", "GIF")],
    *[("1", "PNG"), ("LA", "PNG"), ("I;16", "PNG"), ("I;16", "TIFF"), ("CMYK", "JPEG")],
)

PIPELINES: dict[str, Any] = {
    "as they are": [],
    "crop": Resize(12),
    "crop to a long one": Resize((10, 25)),
    "crop to a larger one": Resize(70),
    "crop, bicubic": Resize(12, resamples=(Image.Resampling.BICUBIC, Image.Resampling.NEAREST)),
    "crop, nearest": Resize(12, resamples=(Image.Resampling.NEAREST, Image.Resampling.NEAREST)),
    "crop, lanczos": Resize(12, resamples=(Image.Resampling.LANCZOS, Image.Resampling.NEAREST)),
    "squish": Resize((14, 11), method="squish"),
    "pad": Resize(12, method="pad"),
    "pad with zeros": Resize((13, 24), method="pad", pad_mode="zeros"),
    "pad with the border": Resize((24, 13), method="pad", pad_mode="border"),
    "the middle": CropPad(15),
    "the middle, reflected": CropPad((40, 12), pad_mode="reflection"),
    "the middle, border": CropPad((12, 41), pad_mode="border"),
    "a random crop": RandomCrop(14),
    "a random resized crop": RandomResizedCrop(16),
    "a random resized crop without more": RandomResizedCrop((12, 18), val_xtra=0),
    "two in a row": [Resize(30, method="pad"), CropPad(20)],
}


def files(mode_of_model: str) -> Iterator[Any]:
    """Give images as pixels and as files of many formats, modes and sizes."""
    random = np.random.default_rng(5)
    for i, (mode, file_format) in enumerate(_FILES):
        for size in _SIZES:
            pixels = random.integers(0, 256, (*size, 3), np.uint8)
            if i == 0:
                yield pixels if mode_of_model == "RGB" else pixels[..., 0]
            file = io.BytesIO()
            _in_mode(pixels, mode).save(file, file_format)
            yield np.frombuffer(file.getvalue(), np.uint8)
    yield _turned()


def _in_mode(pixels: Any, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    if mode == "LA":
        return Image.fromarray(pixels).convert("RGBA").convert("LA")
    return Image.fromarray(pixels).convert(mode)


def _turned() -> Any:
    """Give a photograph that its camera says is to be turned; fastai does not."""
    image, file = Image.fromarray(images()[0][:9]), io.BytesIO()
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(file, "JPEG", exif=exif)
    return np.frombuffer(file.getvalue(), np.uint8)


def net(channels: int, outputs: int = 2) -> Any:
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, outputs),
    )


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("name", PIPELINES)
def test_each_pipeline_makes_the_same_pixels_and_answers(name: str, mode: str) -> None:
    kind, pixels = (PILImage, images()) if mode == "RGB" else (PILImageBW, images()[..., 0])
    batch_tfms = [Normalize.from_stats(*imagenet_stats)] if mode == "RGB" else []
    dls = image_loaders(
        (ImageBlock(kind), CategoryBlock),
        lambda image: str(image.flat[0] > 127),
        pixels,
        item_tfms=PIPELINES[name],
        batch_tfms=batch_tfms,
    )
    learner = Learner(dls, net(3 if mode == "RGB" else 1))
    plan = sealed(VisionAdapter(learner))
    items = list(files(mode))
    for item in items:
        loader = learner.dls.test_dl([sent(item)], num_workers=0)
        loader.before_iter()
        assert np.array_equal(plan.encode(item)[0], loader.do_item(0)[0].numpy())
    assert_answers_as_alone(plan, learner, items[::9])


def classes(*batch_tfms: Any, item_tfms: Any) -> Any:
    """Give the data of a classifier."""
    blocks = (ImageBlock, CategoryBlock)
    norm = Normalize.from_stats(*imagenet_stats)
    return image_loaders(
        blocks,
        lambda image: str(image.flat[0] > 127),
        item_tfms=item_tfms,
        batch_tfms=[*batch_tfms, norm],
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [(Resize(460), 224), (Resize(40), (31, 24)), (RandomResizedCrop(24), None), (Resize(20), 33)],
)
def test_batches_are_resampled_as_fastai_does(before: Any, after: Any) -> None:
    learner = Learner(classes(*aug_transforms(size=after), item_tfms=before), net(3))
    assert_answers_as_alone(sealed(VisionAdapter(learner)), learner, mixed_images(12))


@pytest.mark.parametrize("name", [resnet18, "resnet18d", "convnext_atto", "efficientnet_b0"])
def test_networks_of_torchvision_and_timm_answer_as_the_learner(name: Any) -> None:
    dls = classes(*aug_transforms(), item_tfms=Resize(48))
    learner = vision_learner(dls, name, pretrained=False)
    assert_answers_as_alone(sealed(VisionAdapter(learner)), learner, mixed_images(12))


def test_a_unet_answers_as_the_learner_and_is_left_as_it_was() -> None:
    dls = image_loaders(
        (ImageBlock, MaskBlock(["dark", "bright"])),
        bright,
        item_tfms=Resize(32),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(*imagenet_stats)],
    )
    learner = unet_learner(dls, resnet18, pretrained=False)
    plan = sealed(VisionAdapter(learner))
    assert_answers_as_alone(plan, learner, mixed_images(8))
    assert all("forward" not in vars(module) for module in learner.model.modules())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"item_tfms": Resize((20, 12))},
        {"batch_tfms": aug_transforms(size=10), "item_tfms": Resize(24)},
    ],
    ids=["as they are", "resized", "resized in batches"],
)
def test_points_are_told_in_the_pixels_that_fastai_tells_them_in(settings: Any) -> None:
    def corners(image: Any) -> Any:
        return tensor([[0, 0], [image.shape[1], image.shape[0]]])

    dls = image_loaders((ImageBlock, PointBlock), corners, **settings)
    learner = Learner(dls, net(3, 4), loss_func=MSELossFlat())
    plan = sealed(VisionAdapter(learner))
    items = mixed_images(9)
    answers = plan.predict([plan.encode(item) for item in items])
    for item, answer in zip(items, answers, strict=True):
        with learner.no_bar():
            points, _, values = learner.predict(sent(item))
        assert isinstance(answer, Points)
        np.testing.assert_allclose(answer.label, points, rtol=TOLERANCE, atol=TOLERANCE)
        np.testing.assert_allclose(answer.probabilities, values, rtol=TOLERANCE, atol=TOLERANCE)


def test_an_image_that_padding_makes_far_too_large_is_refused() -> None:
    learner = Learner(classes(item_tfms=Resize(12, method="pad")), net(3))
    plan = sealed(VisionAdapter(learner))
    with pytest.raises(lw.InvalidInput, match="got one of 100000 x 2, which needs 100000 x 100000"):
        plan.encode(np.zeros((2, 100_000, 3), np.uint8))
