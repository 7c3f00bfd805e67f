"""The demo's learners, trained from scratch as in a notebook.

Each function imports its own part of fastai, because that takes seconds and a trained learner
needs none of it. Seeds are fixed. All train on one thread of the CPU: so every machine sees
nearly the same demo, and such small batches gain nothing from threads, worker processes or a
GPU, but wait long for a second core that is busy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pandas as pd
import torch

from . import data


def train_sentiment(reviews: pd.DataFrame, epochs: int = 2) -> Any:
    """Train a small AWD_LSTM to tell positive from negative snippets of `data.reviews`."""
    from fastai.text.all import (
        AWD_LSTM,
        TextDataLoaders,
        accuracy,
        awd_lstm_clas_config,
        text_classifier_learner,
    )

    _start(seed=1)
    dls = TextDataLoaders.from_df(
        reviews, text_col="text", label_col="label", valid_col="valid", num_workers=0
    )
    learner = text_classifier_learner(
        dls,
        AWD_LSTM,
        config={**awd_lstm_clas_config, "emb_sz": 64, "n_hid": 128, "n_layers": 3},
        pretrained=False,
        drop_mult=0.5,
        metrics=accuracy,
    )
    return _fit(learner, epochs)


def train_penguins(penguins: pd.DataFrame, epochs: int = 10) -> Any:
    """Train a tabular model to tell the species of `data.penguins`."""
    from fastai.tabular.all import (
        Categorify,
        FillMissing,
        Normalize,
        TabularDataLoaders,
        accuracy,
        tabular_learner,
    )

    _start(seed=2)
    dls = TabularDataLoaders.from_df(
        penguins,
        procs=[Categorify, FillMissing, Normalize],
        # FillMissing adds its indicator columns to the very list that it is given.
        cat_names=list(data.CATEGORIES),
        cont_names=data.MEASURES,
        y_names=data.SPECIES,
        valid_idx=np.flatnonzero(penguins["valid"]).tolist(),
        bs=32,
    )
    return _fit(tabular_learner(dls, layers=[32, 16], metrics=accuracy), epochs)


def train_digits(folder: Path, epochs: int = 8) -> Any:
    """Train a small convolutional network on the images in `data.digits_folder`."""
    lw.import_torchvision()
    from fastai.vision.all import (
        ConvLayer,
        CrossEntropyLossFlat,
        Flatten,
        ImageDataLoaders,
        Learner,
        PILImageBW,
        accuracy,
        nn,
    )

    _start(seed=3)
    dls = ImageDataLoaders.from_folder(folder, img_cls=PILImageBW, num_workers=0)
    network = nn.Sequential(
        ConvLayer(1, 16),
        ConvLayer(16, 32, stride=2),
        ConvLayer(32, 64, stride=2),
        nn.AdaptiveAvgPool2d(1),
        Flatten(),
        nn.Linear(64, len(dls.vocab)),
    )
    learner = Learner(dls, network, loss_func=CrossEntropyLossFlat(), metrics=accuracy)
    return _fit(learner, epochs)


def accuracy_of(learner: Any) -> float:
    """Give the share of held-out items that the learner labels right."""
    with _one_thread(), learner.no_bar():
        _, accuracy = learner.validate()
    return float(accuracy)


def load(path: Path) -> Any:
    """Load an exported learner the way fastai does it, beside Learnwire's own store."""
    lw.import_torchvision()
    from fastai.learner import load_learner

    return load_learner(path)


def _start(seed: int) -> None:
    from fastai.torch_core import default_device, set_seed

    default_device(False)
    set_seed(seed)


def _fit(learner: Any, epochs: int) -> Any:
    with _one_thread(), learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(epochs, 1e-2)
    return learner


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
