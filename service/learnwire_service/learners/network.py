"""A plan's network: the learner's own in PyTorch, or the same one in ONNX Runtime."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..sealed.plan import Plan
from ..store.manifest import Backend
from .adapter import Adapter

_Array = NDArray[Any]
# Takes arrays, and gives one after the other what comes out.
Network: TypeAlias = Callable[..., Sequence[_Array]]

_ERRORS_ONLY = 3
# Larger numbers may overflow inside a network, and become NaN. The maxima of ONNX Runtime pass
# over NaN, where PyTorch's answer is NaN, and refused.
_LARGEST = 1e15


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


class OnnxNetwork:
    """A network in ONNX Runtime, on as many threads as PyTorch has here.

    Usage: `activated, decoded = OnnxNetwork(directory / "network.onnx")(codes, values)`

    Args:
        path: the network, as a file of ONNX.

    Raises:
        Exception: it is none that this ONNX Runtime can run.
    """

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Threads that wait in a loop would take the cores from other models and workers.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        inputs = self._session.get_inputs()
        self._names = [one.name for one in inputs]
        # The sizes that were fixed at the export; any size fits where it says None.
        self._shapes = [[_fixed(size) for size in one.shape] for one in inputs]

    def __call__(self, *inputs: _Array) -> Sequence[_Array]:
        """Give what the network puts out; see `takes`."""
        outputs: list[_Array] = self._session.run(None, dict(zip(self._names, inputs, strict=True)))
        return outputs

    def takes(self, inputs: Sequence[_Array]) -> bool:
        """Tell whether it answers as PyTorch does: to inputs of the sizes that it was exported for.

        And to numbers neither NaN nor so large that they might become it.
        """
        return all(
            len(part.shape) == len(shape)
            and all(size in (None, real) for size, real in zip(shape, part.shape, strict=True))
            and (part.dtype.kind != "f" or bool(np.all(np.abs(part) <= _LARGEST)))
            for part, shape in zip(inputs, self._shapes, strict=True)
        )


class Switch:
    """Asks ONNX Runtime where that takes the inputs, and else PyTorch.

    Args:
        compiled: the network in ONNX Runtime.
        own: the network in PyTorch.
    """

    def __init__(self, compiled: OnnxNetwork, own: Network) -> None:
        self._compiled, self._own = compiled, own

    def __call__(self, *inputs: _Array) -> Sequence[_Array]:
        """Give what the network puts out."""
        return (self._compiled if self._compiled.takes(inputs) else self._own)(*inputs)


class NetworkPlan(Plan):
    """A plan around one network, which may be asked in ONNX Runtime instead of PyTorch.

    Attributes:
        network: what is asked for a batch.
    """

    network: Network

    def __init__(self, adapter: Adapter) -> None:
        self.learner = adapter.learner
        self.signature = adapter.signature

    @property
    def backend(self) -> Backend:
        """What runs the network."""
        return "onnx" if isinstance(self.network, Switch) else "torch"

    def use(self, compiled: OnnxNetwork) -> None:
        """Ask this network from now on, where it takes what is asked."""
        self.network = Switch(compiled, self.network)

    @abstractmethod
    def write_onnx(self, inputs: Sequence[_Array], path: Path) -> None:
        """Write the learner's network as a file of ONNX, for any number of items.

        Args:
            inputs: what the network is given for several items.
            path: the file.

        Raises:
            Exception: the network cannot be exported.
        """


def _fixed(size: Any) -> int | None:
    return size if isinstance(size, int) else None
