"""What fastai does to a batch of images before the model, as a module that exports."""

from collections.abc import Sequence
from typing import Any

import torch
from fastai.data.transforms import IntToFloatTensor, Normalize
from fastai.imports import noop
from fastai.torch_core import TensorImage
from fastai.vision.augment import AffineCoordTfm
from torch import Tensor, nn

from .loading import unknown
from .plain import function_of
from .plan import Unplanned

# One-coloured rows of an image that are resampled at a time.
_ROWS = 16
_TOLERANCE = 1e-5


class Prepared(nn.Module):
    """A network with what is done to a batch of pixels before it.

    Args:
        steps: fastai's transforms of a batch.
        network: what is given the outcome.
        sides: height and width of the pixels; None where they vary.

    Raises:
        Unplanned: a transform is not known, or makes one size of many.
    """

    def __init__(self, steps: Sequence[Any], network: nn.Module, sides: Any) -> None:
        super().__init__()
        self.steps = nn.Sequential()
        for step in steps:
            if function_of(step) is not noop:
                self.steps.append(_module(step, self.resized[::-1] if self.resized else sides))
        self.network = network

    @property
    def resized(self) -> tuple[int, int] | None:
        """Width and height that pixels are brought to; None where they are left as they are."""
        sizes = [step.size for step in self.steps if isinstance(step, Resampled)]
        return sizes[-1] if sizes else None

    def forward(self, *inputs: Tensor) -> Any:
        """Take pixels, [n, channels, height, width], uint8."""
        return self.network(self.steps(*inputs))


class Floats(nn.Module):
    """IntToFloatTensor."""

    def __init__(self, step: Any) -> None:
        super().__init__()
        self.div = step.div

    def forward(self, pixels: Tensor) -> Tensor:
        """Divide."""
        return pixels.float().div(self.div)


class Normalized(nn.Module):
    """Normalize."""

    mean: Tensor
    std: Tensor

    def __init__(self, step: Any) -> None:
        super().__init__()
        self.register_buffer("mean", _plain(step.mean))
        self.register_buffer("std", _plain(step.std))

    def forward(self, values: Tensor) -> Tensor:
        """Shift and scale."""
        return (values - self.mean) / self.std


class Resampled(nn.Module):
    """An affine transform as it is for validation: each axis resampled by weights of its own.

    fastai resamples also where nothing is to be turned or resized, in all its modes one axis
    after the other. Its own code tells the weights.

    Args:
        step: the transform.
        sides: height and width of the images.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, step: Any, sides: tuple[int, int]) -> None:
        super().__init__()
        height, width = sides

        def resampled(image: Any) -> Any:
            return step(TensorImage(image), split_idx=1)

        def turned(image: Any) -> Any:
            return resampled(image.transpose(-1, -2)).transpose(-1, -2)

        self.register_buffer("rows", _weights(resampled, height, width))
        self.register_buffer("columns", _weights(turned, width, height))
        self.size = (self.columns.shape[1], self.rows.shape[1])
        noise = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0))
        if not torch.allclose(self(noise), _plain(resampled(noise)), atol=_TOLERANCE, rtol=0):
            raise unknown(step)

    def forward(self, values: Tensor) -> Tensor:
        """Resample; constant factors stand on the right, where they keep a batch's bits."""
        return (values @ self.columns).transpose(-1, -2).matmul(self.rows).transpose(-1, -2)


def _module(step: Any, sides: Any) -> nn.Module:
    if type(step) is IntToFloatTensor:
        return Floats(step)
    if type(step) is Normalize:
        return Normalized(step)
    if isinstance(step, AffineCoordTfm) and type(step).__module__.startswith("fastai."):
        if sides is not None:
            return Resampled(step, sides)
        if step.size is None:
            return nn.Identity()
        raise Unplanned("it resizes batches of images whose sizes vary; Resize them before")
    raise unknown(step)


def _weights(resample: Any, count: int, length: int) -> Tensor:
    """Tell with what weight each of an image's rows enters each row of what becomes of it.

    Returns: [rows before, rows after].
    """
    found = []
    for first in range(0, count, _ROWS):
        places = torch.arange(first, min(first + _ROWS, count))
        rows = torch.zeros(1, len(places), count, length)
        rows[0, torch.arange(len(places)), places] = 1
        found.append(_plain(resample(rows))[0, :, :, 0])
    return torch.cat(found).contiguous()


def _plain(tensor: Any) -> Tensor:
    plain: Tensor = tensor.detach().cpu().as_subclass(Tensor)
    return plain
