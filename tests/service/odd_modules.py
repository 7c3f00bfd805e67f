"""Modules of all sorts, made by functions that a store may name as their factories."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

FACTORIES = "tests.service.odd_modules"


class Two(nn.Module):
    """Takes two arrays, gives two; has another method, and one of several rows in one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.drop = nn.Dropout(0.5)

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        return self.drop(self.norm(self.linear(left))) + right, left.argmax(1)

    def embed(self, left: Tensor) -> Tensor:
        embedded: Tensor = self.linear(left)
        return embedded

    def mean(self, left: Tensor) -> Tensor:
        return left.mean(0)


def two() -> Two:
    """Make the module, with other weights."""
    module = Two()
    nn.init.zeros_(module.linear.weight)
    return module


class Tied(nn.Module):
    """Two layers that share one weight, and a weight that lies in memory by columns."""

    def __init__(self) -> None:
        super().__init__()
        self.inward, self.outward = nn.Linear(4, 4), nn.Linear(4, 4)
        self.outward.weight = self.inward.weight
        self.across = nn.Parameter(torch.rand(3, 4).t())

    def forward(self, x: Tensor) -> Tensor:
        across: Tensor = self.outward(self.inward(x)) @ self.across
        return across


class Remembering(nn.Module):
    """Answers with what it was given before, too."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.hidden = torch.zeros(2)

    def forward(self, x: Tensor) -> Tensor:
        self.hidden = self.hidden + x.mean(0)
        remembered: Tensor = self.linear(x) + self.hidden
        return remembered


class Centred(nn.Module):
    """Answers each row by its difference from all of its batch."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class Answer(NamedTuple):
    """What is a tuple, too."""

    first: Tensor
    second: Tensor


class Returning(nn.Module):
    """Gives what it is told to make of what it takes."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def forward(self, x: Tensor) -> Any:
        return self.make(x)


def broken() -> nn.Module:
    """Make nothing."""
    raise RuntimeError("no licence")


def number() -> Any:
    """Make no module."""
    return 3
