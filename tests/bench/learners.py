"""The benchmark's learners, built from scratch; what is timed does not depend on their weights.

Each function imports its own part of fastai, as in the demo.
"""

from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import torch
from PIL import Image

from examples.demo import data
from examples.demo.learners import train_penguins, train_sentiment

from . import items

_IMAGES_OF_EACH = 8
_CLASSES = 10


def build_penguins(folder: Path) -> Any:
    """Train the demo's tabular model."""
    return train_penguins(data.penguins())


def build_sentiment(folder: Path) -> Any:
    """Train the demo's classifier of movie reviews."""
    return train_sentiment(data.reviews())


def build_text(folder: Path) -> Any:
    """Make a classifier at ULMFiT's full size, 400/1152/3, with random weights."""
    from fastai.text.all import (
        AWD_LSTM,
        TextDataLoaders,
        awd_lstm_clas_config,
        defaults,
        text_classifier_learner,
    )

    _start()
    frame = pd.DataFrame({"text": items.texts(64), "label": ["bad", "good"] * 32})
    vocabulary = [*defaults.text_spec_tok, ",", ".", *items.words()]
    dls = TextDataLoaders.from_df(
        frame, text_col="text", label_col="label", text_vocab=vocabulary, num_workers=0
    )
    return text_classifier_learner(dls, AWD_LSTM, config=awd_lstm_clas_config, pretrained=False)


def build_resnet(folder: Path) -> Any:
    """Make a resnet18 for images of 64 pixels, with random weights."""
    lw.import_torchvision()
    from fastai.vision.all import ImageDataLoaders, Resize, resnet18, vision_learner

    _start()
    _write_images(folder / "images")
    dls = ImageDataLoaders.from_folder(
        folder / "images", valid_pct=0.2, seed=0, item_tfms=Resize(items.PIXELS), num_workers=0
    )
    learner = vision_learner(dls, resnet18, pretrained=False)
    _settle_statistics(learner)
    return learner


def build_points(folder: Path) -> Any:
    """Make a resnet18 that tells two points of an image, with random weights."""
    lw.import_torchvision()
    from fastai.vision.all import ImageBlock, MSELossFlat, PointBlock, resnet18, vision_learner

    dls = _image_loaders((ImageBlock, PointBlock), _corners)
    learner = vision_learner(dls, resnet18, n_out=4, loss_func=MSELossFlat(), pretrained=False)
    _settle_statistics(learner)
    return learner


def build_unet(folder: Path) -> Any:
    """Make a U-Net over a resnet18, with random weights."""
    lw.import_torchvision()
    from fastai.vision.all import ImageBlock, MaskBlock, resnet18, unet_learner

    dls = _image_loaders((ImageBlock, MaskBlock(["dark", "bright"])), _bright)
    learner = unet_learner(dls, resnet18, pretrained=False)
    _settle_statistics(learner)
    return learner


def load(export: Path) -> Any:
    """Load a learner the way fastai does; Learnwire has no part in it."""
    lw.import_torchvision()
    from fastai.learner import load_learner

    return load_learner(export)


def _start() -> None:
    from fastai.torch_core import default_device, set_seed

    default_device(False)
    set_seed(0)


def _image_loaders(blocks: Any, get_y: Any) -> Any:
    from fastai.vision.all import DataBlock, Normalize, Resize, imagenet_stats, noop

    _start()
    block = DataBlock(
        blocks,
        get_items=noop,
        get_y=get_y,
        item_tfms=Resize(items.PIXELS),
        batch_tfms=Normalize.from_stats(*imagenet_stats),
    )
    images = items.images(_CLASSES * _IMAGES_OF_EACH)
    return block.dataloaders(images, path=Path(), num_workers=0)


def _corners(image: Any) -> Any:
    return torch.tensor([[0, 0], [image.shape[1], image.shape[0]]])


def _bright(image: Any) -> Any:
    return (image[..., 0] > 127).astype(np.uint8)


def _write_images(folder: Path) -> None:
    images = items.images(_CLASSES * _IMAGES_OF_EACH)
    for number, image in enumerate(images):
        path = folder / str(number % _CLASSES) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(image)).save(path)


def _settle_statistics(learner: Any) -> None:
    """Let batch norm see some images: with its initial statistics the answers are degenerate."""
    learner.model.train()
    with torch.no_grad():
        for _ in range(4):
            for images, _labels in learner.dls.valid:
                learner.model(images)
