"""Where modules compute, and how arrays get there and back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..common.choices import DeviceSetting, PrecisionSetting
from ..common.errors import NoSuchDevice
from ..signature.agreement import TOLERANCE
from .modules import to_array

_DTYPES = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}
_TOLERANCES = {"fp32": TOLERANCE, "fp16": 1e-2, "bf16": 5e-2}


@dataclass(frozen=True)
class Sent:
    """The arguments of a call, where the module is.

    Attributes:
        tensors: they themselves.
        arrived: happens on a GPU once they are there.
    """

    tensors: tuple[Tensor, ...]
    arrived: Any = None


class Cpu:
    """The processor that all else runs on too.

    Args:
        precision: what is computed in; fp32 leaves a module as it was saved.
    """

    encodes_apart = False
    device = torch.device("cpu")

    def __init__(self, precision: PrecisionSetting) -> None:
        self.tolerance = _TOLERANCES[precision]
        self._dtype = _DTYPES[precision]

    def place(self, module: nn.Module) -> nn.Module:
        """Bring a module here, with its weights in the precision."""
        return module.to(self.device, self._dtype)

    def send(self, arrays: Sequence[NDArray[Any]]) -> Sent:
        """Bring arrays here, as tensors of their own."""
        return Sent(tuple(self._cast(_copied(array)) for array in arrays))

    @contextmanager
    def computing(self, sent: Sequence[Sent]) -> Iterator[None]:
        """Compute inside with what has been sent."""
        with torch.inference_mode():
            yield

    def fetch(self, outputs: Sequence[Tensor]) -> list[NDArray[Any]]:
        """Bring what was computed back, so that it is the caller's alone."""
        return [np.array(to_array(one)) for one in outputs]

    def _cast(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._dtype) if tensor.is_floating_point() else tensor


class Cuda(Cpu):
    """A GPU of NVIDIA's, the one that PyTorch takes by itself.

    While it computes a batch, the next calls are copied to it: through pinned memory, which
    PyTorch keeps and gives again once a copy is done, and on a stream of their own.
    """

    encodes_apart = True

    def __init__(self, precision: PrecisionSetting) -> None:
        super().__init__(precision)
        # Kernels sum in other orders than those of the processor.
        self.tolerance = max(self.tolerance, 10 * TOLERANCE)
        # Convolutions would by themselves compute in 19 bits where 32 were asked for.
        torch.backends.cudnn.allow_tf32 = False
        self.device = torch.device("cuda", torch.cuda.current_device())
        self._copies = torch.cuda.Stream(self.device)
        self._computes = torch.cuda.Stream(self.device)

    def place(self, module: nn.Module) -> nn.Module:
        """See Cpu.place."""
        placed = super().place(module)
        torch.cuda.synchronize(self.device)
        return placed

    def send(self, arrays: Sequence[NDArray[Any]]) -> Sent:
        """See Cpu.send; gives at once, while the copies are under way."""
        with torch.cuda.stream(self._copies):
            pinned = [_copied(array).pin_memory() for array in arrays]
            copies = [one.to(self.device, non_blocking=True) for one in pinned]
            return Sent(tuple(map(self._cast, copies)), self._copies.record_event())

    @contextmanager
    def computing(self, sent: Sequence[Sent]) -> Iterator[None]:
        """See Cpu.computing; waits, on the GPU, until all is there."""
        with torch.inference_mode(), torch.cuda.stream(self._computes):
            for one in sent:
                self._computes.wait_event(one.arrived)
                for tensor in one.tensors:
                    # Or the memory would be given to the next copy before this is done.
                    tensor.record_stream(self._computes)
            yield

    def fetch(self, outputs: Sequence[Tensor]) -> list[NDArray[Any]]:
        """See Cpu.fetch."""
        pinned = [torch.empty(one.shape, dtype=one.dtype, pin_memory=True) for one in outputs]
        for to, one in zip(pinned, outputs, strict=True):
            to.copy_(one, non_blocking=True)
        self._computes.synchronize()
        return super().fetch(pinned)


def _copied(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(array, order="C"))


def find_device(device: DeviceSetting, precision: PrecisionSetting) -> Cpu:
    """Find where to compute.

    Raises:
        NoSuchDevice: a GPU is asked for and there is none.
        ValueError: there is no such setting.
    """
    for setting, said, known in (
        ("device", device, get_args(DeviceSetting)),
        ("precision", precision, get_args(PrecisionSetting)),
    ):
        if said not in known:
            raise ValueError(f"{setting}: expected one of {', '.join(known)}, got {said!r}")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise NoSuchDevice(
            "device cuda: PyTorch finds no GPU here; choose cpu, or auto for either, or install a "
            "PyTorch that is built for CUDA"
        )
    return Cuda(precision) if available and device != "cpu" else Cpu(precision)
