"""Odd learners on images and on arrays."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import torch
from fastai.callback.mixup import CutMix, MixUp
from fastai.data.core import DataLoaders, TfmdDL
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.torch_basics import DisplayedTransform, Transform
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from . import small_networks as networks
from .odd import Odd
from .small_learners import fitted

lw.import_torchvision()

from fastai.vision.all import (  # noqa: E402 - see above
    CategoryBlock,
    DataBlock,
    ImageBlock,
    PILImage,
    PILImageBW,
    RandomSplitter,
    RandTransform,
    RatioResize,
    Resize,
    ResizeMethod,
    TensorImage,
    noop,
)

_SIZES = ((16, 16), (9, 40), (33, 20), (16, 16), (12, 12))


def pictures(channels: int = 3) -> list[Any]:
    """Give images of several sizes, each fourth one encoded."""
    noise = np.random.default_rng(7)
    found = []
    for i in range(24):
        shape = (*_SIZES[i % len(_SIZES)], *((channels,) if channels > 1 else ()))
        pixels = noise.integers(0, 256, shape, dtype=np.uint8)
        found.append(networks.png(pixels) if i % 4 == 0 else pixels)
    return found


def image(item: Any) -> Any:
    """Give what `learner.predict` takes of an image."""
    return item.tobytes() if item.ndim == 1 else item


def arrays(item: Any) -> Any:
    """Give what `learner.predict` takes of arrays."""
    return tuple(map(torch.from_numpy, item if isinstance(item, tuple) else (item,)))


def convolution(channels: int, *between: nn.Module) -> nn.Module:
    """Make a small network of images of any size."""
    pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    return nn.Sequential(nn.Conv2d(channels, 4, 3), *between, *pooled)


def image_learner(
    mode: Any = PILImage, between: tuple[nn.Module, ...] = (), cbs: Any = (), **transforms: Any
) -> Any:
    """Train a classifier of images."""
    found = networks.images() if mode is PILImage else networks.images()[..., 0]
    dls = DataBlock(
        (ImageBlock(mode), CategoryBlock()),
        get_items=noop,
        get_y=_halves,
        splitter=RandomSplitter(seed=0),
        **transforms,
    ).dataloaders(list(found), path=Path(), bs=4, num_workers=0)
    network = convolution(3 if mode is PILImage else 1, *between)
    return fitted(Learner(dls, network, loss_func=CrossEntropyLossFlat(), cbs=list(cbs)))


def _halves(pixels: Any) -> str:
    return "bright" if pixels.mean() > 127.5 else "dark"


class Mirrored(Transform):  # type: ignore[misc]  # fastai is untyped
    """Turns each image around."""

    def encodes(self, x: PILImage) -> Any:
        return PILImage.create(np.ascontiguousarray(np.asarray(x)[:, ::-1]))


class Dice(RandTransform):  # type: ignore[misc]
    """Turns an image around or not, also at prediction."""

    split_idx = None

    def before_call(self, b: Any, split_idx: int) -> None:
        self.do = random.random() < self.p

    def encodes(self, x: PILImage) -> Any:
        return PILImage.create(255 - np.asarray(x))


class OfTheBatch(DisplayedTransform):  # type: ignore[misc]
    """Normalises by what the images of a batch are like."""

    order = 99

    def encodes(self, x: TensorImage) -> Any:
        return (x - x.mean()) / (x.std() + 1e-6)


def array_learner(
    network: Callable[[int], nn.Module] = networks.Joined,
    inputs: int = 1,
    loader: type = TfmdDL,
    cbs: Any = (),
    loss: Any = None,
) -> Any:
    """Train a classifier of arrays of four numbers."""
    noise = np.random.default_rng(0)
    parts = [noise.normal(0, 1, (48, 4)).astype(np.float32) for _ in range(inputs)]
    data = TensorDataset(*map(torch.from_numpy, parts), torch.from_numpy(parts[0].argmax(axis=1)))
    dls = DataLoaders(loader(data, bs=12, num_workers=0), loader(data, bs=12, num_workers=0))
    dls.n_inp = inputs
    loss = loss or CrossEntropyLossFlat()
    return fitted(Learner(dls, network(4 * inputs), loss_func=loss, cbs=list(cbs)))


class Centred(networks.Joined):
    """Takes the mean of its neighbours away."""

    def forward(self, *parts: Tensor) -> Any:
        outputs = super().forward(*parts)
        return outputs - outputs.mean(dim=0) / 2


class TrainingForEver(networks.Joined):
    """Has a batch norm that never leaves the training, and so takes no item alone."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.norm = nn.BatchNorm1d(4)

    def train(self, mode: bool = True) -> Any:
        return super().train(True)

    def forward(self, *parts: Tensor) -> Any:
        return self.norm(super().forward(*parts))


class Counting(networks.Joined):
    """Answers otherwise each time."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.times = 0

    def forward(self, *parts: Tensor) -> Any:
        self.times += 1
        return super().forward(*parts) * (1 + self.times / 100)


class Remembering(networks.Joined):
    """Would answer otherwise each time if it were not reset."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.reset()

    def reset(self) -> None:
        self.times = 0

    def forward(self, *parts: Tensor) -> Any:
        self.times += 1
        return super().forward(*parts) * self.times


class OwnItems(TfmdDL):  # type: ignore[misc]
    """Changes each item."""

    def create_item(self, s: Any) -> Any:
        return tuple(part * 2 if part.is_floating_point() else part for part in self.dataset[s])


def _vectors(inputs: int = 1) -> list[Any]:
    noise = np.random.default_rng(8).normal(0, 2, (24, inputs, 4)).astype(np.float32)
    return [tuple(parts) if inputs > 1 else parts[0] for parts in noise]


def vectors(plan: str, *because: str, **settings: Any) -> Odd:
    """Give an odd learner of arrays."""
    items = _vectors(settings.get("inputs", 1))
    return Odd(partial(array_learner, **settings), items, plan, because, arrays)


def images(plan: str, *because: str, **settings: Any) -> Odd:
    """Give an odd learner of images."""
    items = pictures(1 if settings.get("mode") is PILImageBW else 3)
    return Odd(partial(image_learner, **settings), items, plan, because, image)


NETWORKS: dict[str, Odd] = {
    "images of any size": images("images"),
    "images that are padded": images("images", item_tfms=Resize(12, ResizeMethod.Pad)),
    "images that are squeezed": images("images", item_tfms=Resize(12, ResizeMethod.Squish)),
    "images in grey": images("images", mode=PILImageBW, item_tfms=Resize(10)),
    "images turned around": images(
        "loader", "the transform Mirrored is not known", item_tfms=[Mirrored(), Resize(12)]
    ),
    "images turned around at random": images("", "differently", item_tfms=[Dice(p=0.5)]),
    "images cut to their ratio, at random": images(
        "", "differently the second time", item_tfms=RatioResize(12)
    ),
    "images normalised by their batch": images(
        "single",
        "the transform OfTheBatch is not known",
        item_tfms=Resize(12),
        batch_tfms=OfTheBatch(),
    ),
    "images in a batch norm without a memory": images(
        "single",
        "sealed: ",
        between=(nn.BatchNorm2d(4, track_running_stats=False),),
    ),
    "images after CutMix": images("images", item_tfms=Resize(12), cbs=(CutMix(),)),
    "arrays after MixUp": vectors("arrays", cbs=(MixUp(),)),
    "two arrays": vectors("arrays", inputs=2),
    "arrays whose items are made otherwise": vectors(
        "loader", "its loader has a create_item of its own", loader=OwnItems
    ),
    "arrays through a network that looks at its neighbours": vectors(
        "single", "sealed: golden example", "loader: in a batch", network=Centred
    ),
    "arrays through a batch norm in training": vectors(
        "", "more than 1 value", network=TrainingForEver
    ),
    "network that counts": vectors("", "differently the second time", network=Counting),
    "network that is reset": vectors("loader", "a state that is reset", network=Remembering),
}
