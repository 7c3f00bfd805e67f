"""Procs, networks, losses, callbacks and learners of odd makings."""

from typing import Any

import numpy as np
import torch
from fastai.tabular.all import (
    Callback,
    Categorify,
    CrossEntropyLossFlat,
    Normalize,
    TabularLearner,
    TabularProc,
)
from torch import Tensor, nn


class Logarithm(TabularProc):  # type: ignore[misc]  # fastai is untyped
    """Takes a price's logarithm."""

    order = -1

    def encodes(self, to: Any) -> None:
        to["price"] = np.log1p(np.abs(to["price"].astype(float)))


class PriceOfOne(TabularProc):  # type: ignore[misc]
    """Makes a column of one that the network sees, and of one that it never does."""

    order = -1

    def encodes(self, to: Any) -> None:
        whole = to.items["whole"].astype(float).abs() + 1
        to.items["each"] = to.items["price"].astype(float) / whole


class Centred(TabularProc):  # type: ignore[misc]
    """Takes away the mean of whatever rows it is given."""

    order = 3

    def encodes(self, to: Any) -> None:
        to["price"] = to["price"].astype(float) - to["price"].astype(float).mean()


class OwnCategorify(Categorify):  # type: ignore[misc]
    """Counts backwards."""

    def encodes(self, to: Any) -> None:
        super().encodes(to)
        to.transform(["shop"], lambda codes: 2 - codes)


def early() -> Any:
    """Make a Normalize that runs before the missing values are filled."""
    normalize = Normalize()
    normalize.order = -1
    return normalize


class OwnModel(nn.Module):
    """A network of codes and values of another making."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 4)
        self.linear = nn.Linear(2, 2)

    def forward(self, codes: Tensor, values: Tensor) -> Any:
        return self.linear(values) + self.embedding(codes).sum(dim=1)[:, :2]


class Neighbours(nn.Module):
    """A network that normalises by the batch that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2, track_running_stats=False)
        self.linear = nn.Linear(2, 2)

    def forward(self, codes: Tensor, values: Tensor) -> Any:
        return self.linear(self.norm(values))


class Unevaluated(OwnModel):
    """A network whose `eval` gives nothing back."""

    def eval(self) -> Any:
        super().eval()


class OwnPreds(TabularLearner):  # type: ignore[misc]
    """A learner that doubles what is asked of it."""

    def get_preds(self, *args: Any, **settings: Any) -> Any:
        inputs, raw, *rest = super().get_preds(*args, **settings | {"with_input": True})
        found = (raw / 2, *rest)
        return (inputs, *found) if settings.get("with_input") else found


class OwnPredict(TabularLearner):  # type: ignore[misc]
    """A learner whose answers are its own only one by one."""

    def predict(self, row: Any) -> Any:
        label, decoded, raw = super().predict(row)
        return label, decoded, raw**2


class OverTheBatch(CrossEntropyLossFlat):  # type: ignore[misc]
    """A loss whose probabilities depend on the other rows."""

    def activation(self, x: Tensor) -> Tensor:
        return torch.softmax(x - x.mean(dim=0), dim=1)


class HalvedInputs(Callback):  # type: ignore[misc]
    """Changes what the network is given."""

    def before_batch(self) -> None:
        codes, values = self.learn.xb
        self.learn.xb = (codes, values / 2)


def double(module: Any, inputs: Any, output: Any) -> Any:
    """Change what a module puts out, as its hook."""
    return output * 2
