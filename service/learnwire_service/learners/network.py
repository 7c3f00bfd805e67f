"""A plan's network: the learner's own, in PyTorch."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..sealed.plan import Plan
from .adapter import Adapter

_Array = NDArray[Any]
# Takes arrays, and gives one after the other what comes out.
Network: TypeAlias = Callable[..., Sequence[_Array]]


class TorchNetwork:
    """A network in PyTorch.

    Args:
        module: takes tensors and gives a tuple of them.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def __call__(self, *inputs: _Array) -> Sequence[_Array]:
        """Give what the module puts out."""
        with torch.inference_mode():
            outputs = self._module(*map(torch.from_numpy, inputs))
            return [part.as_subclass(Tensor).numpy() for part in outputs]


class NetworkPlan(Plan):
    """A plan around one network.

    Attributes:
        network: what is asked for a batch.
    """

    network: Network

    def __init__(self, adapter: Adapter) -> None:
        self.learner = adapter.learner
        self.signature = adapter.signature
