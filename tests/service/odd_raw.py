"""Odd learners whose transforms take the raw items of their data sets, and nothing else."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.data.block import CategoryBlock, DataBlock, TransformBlock
from fastai.data.core import DataLoaders, Datasets
from fastai.data.transforms import Categorize, ColReader, IndexSplitter, ItemGetter
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat, MSELossFlat
from fastai.torch_basics import Transform
from fastai.torch_core import TensorBase
from torch import Tensor, nn

from .odd import Odd
from .small_learners import fitted

_COUNT = 48
_VALID = list(range(12))


class LogScale(Transform):  # type: ignore[misc]  # fastai is untyped
    """Knows numpy's arrays only."""

    def encodes(self, x: np.ndarray) -> Any:
        return np.log1p(x).astype(np.float32)


class Spectrogram(Transform):  # type: ignore[misc]
    """Makes another shape and type of a wave."""

    def encodes(self, x: np.ndarray) -> Any:
        return torch.from_numpy(np.abs(np.fft.rfft(x.reshape(4, -1))).astype(np.float32)).flatten()


class Readings(TensorBase):  # type: ignore[misc]
    """Tensors of a type of their own."""


class OfReadings(Transform):  # type: ignore[misc]
    """Knows that type only."""

    def encodes(self, x: Readings) -> Any:
        return x * 10


class Widened(Transform):  # type: ignore[misc]
    """Knows Python's numbers only."""

    def encodes(self, x: float) -> Any:
        return torch.tensor([x, x * x, 1.0])


class WordLengths(Transform):  # type: ignore[misc]
    """Reads a text in a way of its own, and always makes four numbers of it."""

    def encodes(self, x: str) -> Any:
        lengths = [float(len(word)) for word in x.split()][:4]
        return torch.tensor(lengths + [0.0] * (4 - len(lengths)))


class Both(nn.Module):
    """A linear layer on two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(10, 2)

    def forward(self, a: Tensor, b: Tensor) -> Any:
        return self.linear(torch.cat([a, b], dim=1).float())


def waves(size: int = 5, dtype: Any = np.float32) -> list[Any]:
    """Give arrays of numbers that are never below zero."""
    return list(np.random.default_rng(0).gamma(1.0, 50.0, (_COUNT, size)).astype(dtype))


def _rises(wave: Any) -> int:
    return int(wave[0] > wave[1])


def _classifier(dls: Any, network: nn.Module) -> Any:
    return fitted(Learner(dls, network, loss_func=CrossEntropyLossFlat()))


def listed(items: list[Any], targets: list[int], network: nn.Module, transform: Any = None) -> Any:
    """Train a learner on a plain list of pairs."""
    pairs = list(zip(items, targets, strict=True))
    settings = {"after_item": [transform]} if transform else {}
    dls = DataLoaders.from_dsets(pairs[12:], pairs[:12], bs=12, num_workers=0, **settings)
    dls.n_inp, dls.vocab = 1, ["down", "up"]
    return _classifier(dls, network)


def blocks(items: Any, network: nn.Module, *inputs: Any, **settings: Any) -> Any:
    """Train a learner on what a DataBlock makes of items."""
    block = DataBlock((*inputs, CategoryBlock), splitter=IndexSplitter(_VALID), **settings)
    return _classifier(block.dataloaders(items, bs=12, num_workers=0), network)


def _of_list(transform: Any = None, dtype: Any = np.float32) -> Any:
    found = waves(dtype=dtype)
    return listed(found, list(map(_rises, found)), nn.Linear(5, 2), transform)


def _of_numbers() -> Any:
    numbers = np.random.default_rng(1).normal(size=_COUNT).tolist()
    return listed(numbers, [int(n > 0) for n in numbers], nn.Linear(3, 2), Widened())


def _of_readings() -> Any:
    found = [torch.from_numpy(wave).as_subclass(Readings) for wave in waves()]
    return listed(found, [_rises(wave) for wave in waves()], nn.Linear(5, 2), OfReadings())


def _of_block(transform: Any, size: int = 5, width: int = 5) -> Any:
    settings = {"get_items": lambda items: items, "get_y": _rises}
    inputs = TransformBlock(type_tfms=[transform])
    return blocks(waves(size), nn.Linear(width, 2), inputs, **settings)


def _of_frame() -> Any:
    frame = pd.DataFrame({"wave": waves(), "label": list(map(_rises, waves()))})
    settings = {"get_x": ColReader("wave"), "get_y": ColReader("label")}
    inputs = TransformBlock(type_tfms=[LogScale()])
    return blocks(frame, nn.Linear(5, 2), inputs, **settings)


def _of_two() -> Any:
    found = [(wave, wave[::-1].copy(), _rises(wave)) for wave in waves()]
    inputs = (TransformBlock(type_tfms=[LogScale()]), TransformBlock)
    return blocks(found, Both(), *inputs, getters=list(map(ItemGetter, range(3))), n_inp=2)


def _sums() -> Any:
    """Train as the shortest DataBlock does: no block is named, and a sum comes out."""
    found = waves()
    block = DataBlock(
        get_items=lambda _: found,
        get_y=lambda wave: np.float32(wave.sum() / 100),
        splitter=IndexSplitter(_VALID),
    )
    dls = block.dataloaders(None, bs=12, num_workers=0)
    return fitted(Learner(dls, nn.Linear(5, 1), loss_func=MSELossFlat()))


SENTENCES = [f"{'a' * (i % 7 + 1)} word and {'b' * (i % 5 + 1)}" for i in range(_COUNT)]


def _own_tokens() -> Any:
    target = [lambda text: "long" if len(text) > 20 else "short", Categorize()]
    splits = list(range(12, _COUNT)), _VALID
    data = Datasets(SENTENCES, [[WordLengths()], target], splits=splits)
    return _classifier(data.dataloaders(bs=12, num_workers=0), nn.Linear(4, 2))


def _odd(
    make: Callable[[], Any],
    items: list[Any],
    sent: Callable[[Any], Any] = lambda item: item,
    plan: str = "loader",
    because: tuple[str, ...] = ("is not known",),
    wrong: Any = (),
) -> Odd:
    return Odd(make, items[:24], plan, because, sent, list(wrong))


def _in_a_tuple(item: Any) -> Any:
    return (item,)


_NUMBERS = list(np.random.default_rng(2).normal(size=(24,)))

RAW_LEARNERS: dict[str, Odd] = {
    "arrays in a list, scaled": _odd(
        partial(_of_list, LogScale()), waves(), _in_a_tuple, wrong=[waves()[0] > waves()[0].mean()]
    ),
    "doubles in a list, scaled": _odd(
        partial(_of_list, LogScale(), np.float64), waves(dtype=np.float64), _in_a_tuple
    ),
    "tensors of a type of their own": _odd(
        _of_readings, waves(), lambda item: (torch.from_numpy(item).as_subclass(Readings),)
    ),
    "bare numbers": _odd(_of_numbers, list(map(np.array, _NUMBERS)), lambda item: (float(item),)),
    "arrays of a block, scaled": _odd(partial(_of_block, LogScale()), waves()),
    "waves to spectrograms": _odd(
        partial(_of_block, Spectrogram(), 24, 16), waves(24), wrong=[waves(16)[0]]
    ),
    "arrays in a frame, scaled": _odd(_of_frame, waves()),
    "two arrays of a tuple, one scaled": _odd(
        _of_two, [(wave, wave[::-1].copy()) for wave in waves()]
    ),
    "sums of arrays": _odd(_sums, waves(), plan="arrays", because=()),
    "texts through a reader of one's own": _odd(
        _own_tokens,
        [*SENTENCES[:22], "", "one two three four five"],
        plan="single",
        because=("sealed: no RNNCallback", "loader: the adapter asks item by item"),
    ),
}
