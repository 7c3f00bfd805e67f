"""Learners on images and on arrays that train in well under a second, one of each kind."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import torch
from fastai.data.core import DataLoaders, TfmdDL
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from PIL import Image
from torch import Tensor, nn, tensor
from torch.utils.data import TensorDataset

from .small_learners import fitted


def images() -> Any:
    """Give sixteen colour images of noise, 16 by 16 pixels."""
    return np.random.default_rng(0).integers(0, 256, (16, 16, 16, 3), dtype=np.uint8)


def png(pixels: Any) -> Any:
    """Encode an image, as the bytes of its file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return np.frombuffer(file.getvalue(), np.uint8)


def bright(image: Any) -> Any:
    """Give the mask of an image's bright pixels."""
    return (image[..., 0] > 128).astype(np.uint8)


def _centre(image: Any) -> Tensor:
    return tensor([[image.shape[1] / 2, image.shape[0] / 2]])


def _frame_of(image: Any) -> Any:
    return [[0, 0, image.shape[1], image.shape[0]]]


def _label_of(image: Any) -> Any:
    return [_halves(image)]


def _corner(image: Any) -> str:
    return "bright" if image[0, 0, 0] > 127 else "dark"


def _halves(image: Any) -> str:
    return "bright" if image.mean() > 127.5 else "dark"


def image_learner() -> Any:
    """A classifier of colour images, all brought to one size."""
    lw.import_torchvision()
    from fastai.vision.all import (
        CategoryBlock,
        ImageBlock,
        Normalize,
        Resize,
        aug_transforms,
        imagenet_stats,
    )

    dls = image_loaders(
        (ImageBlock, CategoryBlock),
        _halves,
        item_tfms=Resize(12),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(*imagenet_stats)],
    )
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    return fitted(Learner(dls, model, loss_func=CrossEntropyLossFlat()))


def point_learner() -> Any:
    """A regressor of one point of an image."""
    lw.import_torchvision()
    from fastai.vision.all import ImageBlock, MSELossFlat, PointBlock

    dls = image_loaders((ImageBlock, PointBlock), _centre)
    return fitted(Learner(dls, _classifier(2), loss_func=MSELossFlat()))


def box_learner() -> Any:
    """A learner that would answer a box of an image."""
    lw.import_torchvision()
    from fastai.vision.all import BBoxBlock, BBoxLblBlock, ImageBlock, MSELossFlat

    dls = image_loaders((ImageBlock, BBoxBlock, BBoxLblBlock), [_frame_of, _label_of], n_inp=1)
    return Learner(dls, _classifier(4), loss_func=MSELossFlat())


def segmenter() -> Any:
    """A learner that tells the bright pixels of `images`."""
    lw.import_torchvision()
    from fastai.vision.all import ImageBlock, MaskBlock

    dls = image_loaders((ImageBlock, MaskBlock(["dark", "bright"])), bright)
    return fitted(Learner(dls, nn.Conv2d(3, 2, 1), loss_func=CrossEntropyLossFlat(axis=1)))


def two_headed() -> Any:
    """A learner of images with two outputs of two classes each."""
    lw.import_torchvision()
    from fastai.vision.all import CategoryBlock, ImageBlock

    dls = image_loaders((ImageBlock, CategoryBlock, CategoryBlock), [_halves, _corner], n_inp=1)
    return fitted(Learner(dls, TwoHeads(), loss_func=TwoLosses()))


def learner_of_files(folder: Path, opened: Any = None) -> Any:
    """A classifier of images in files, opened in a way of their own or as fastai does."""
    lw.import_torchvision()
    from fastai.vision.all import (
        CategoryBlock,
        DataBlock,
        ImageBlock,
        IntToFloatTensor,
        TransformBlock,
    )

    own = TransformBlock(type_tfms=[opened], batch_tfms=[IntToFloatTensor()])
    for i, image in enumerate(images()):
        Image.fromarray(image).save(folder / f"{i % 2}-{i}.png")
    block = DataBlock(
        (own if opened else ImageBlock, CategoryBlock),
        get_items=lambda path: sorted(path.glob("*.png")),
        get_y=lambda path: path.name[0],
    )
    dls = block.dataloaders(folder, bs=4, num_workers=0)
    return fitted(Learner(dls, _classifier(2), loss_func=CrossEntropyLossFlat()))


class TwoHeads(nn.Module):
    """Two classifiers side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList([_classifier(2), _classifier(2)])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(head(images) for head in self.heads)


class TwoLosses:
    """The sum of two cross entropies."""

    def __call__(self, outputs: Sequence[Tensor], *targets: Tensor) -> Any:
        return sum(map(self._head.__call__, outputs, targets))

    def activation(self, outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(map(self._head.activation, outputs))

    def decodes(self, outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(map(self._head.decodes, outputs))

    _head = CrossEntropyLossFlat()


def _classifier(outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs)
    )


def image_loaders(blocks: Any, get_y: Any, pixels: Any = None, **settings: Any) -> Any:
    """Give the data of a learner on `images`, or on others."""
    from fastai.vision.all import DataBlock, RandomSplitter, noop

    block = DataBlock(blocks, get_items=noop, get_y=get_y, splitter=RandomSplitter(), **settings)
    items = list(images() if pixels is None else pixels)
    return block.dataloaders(items, path=Path(), bs=4, num_workers=0)


def array_learner(inputs: int = 1, loader: type = TfmdDL) -> Any:
    """A classifier of one array of four numbers, or of several."""
    random = np.random.default_rng(0)
    arrays = [random.normal(0, 1, (48, 4)).astype(np.float32) for _ in range(inputs)]
    targets = arrays[0].argmax(axis=1)
    data = TensorDataset(*map(tensor, arrays), tensor(targets))
    dls = DataLoaders(loader(data, bs=12, num_workers=0), loader(data, bs=12, num_workers=0))
    dls.n_inp = inputs
    return fitted(Learner(dls, Joined(4 * inputs), loss_func=CrossEntropyLossFlat()))


def string_learner() -> Any:
    """A learner of strings that its model itself makes numbers of."""
    data = [("text", 0.0)] * 4
    dls = DataLoaders.from_dsets(data, data, bs=2, num_workers=0)
    return Learner(dls, nn.Identity(), loss_func=CrossEntropyLossFlat())


class Joined(nn.Module):
    """A linear layer on all its inputs."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, 4)

    def forward(self, *parts: Tensor) -> Any:
        return self.linear(torch.cat(parts, dim=1))
