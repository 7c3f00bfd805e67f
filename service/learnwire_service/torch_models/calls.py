"""The calls of a module's methods, made together where that is exact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..runners.call import Call, spread
from ..runners.stacking import split
from ..store.manifest import TorchMethod
from .devices import Cpu, Sent
from .modules import outputs_of


@dataclass(frozen=True)
class _Work:
    call: Call
    sent: Sent


class ModuleCalls:
    """Makes calls of a module's methods; a Predictor.

    Args:
        module: the module; it is moved to the device.
        methods: those that may be called.
        device: where it computes.
        max_rows: the most rows of a batch.

    Attributes:
        module: the module.
        device: where it computes.
    """

    def __init__(
        self, module: nn.Module, methods: Mapping[str, TorchMethod], device: Cpu, max_rows: int
    ) -> None:
        self.max_cost = max_rows
        self.encodes_apart = device.encodes_apart
        self.device = device
        self.module = device.place(module)
        self._methods = methods

    def encode(self, call: Call) -> _Work:
        """Bring the arguments of a call, which are arrays by position, to the device."""
        return _Work(call, self.device.send(list(call.arguments.values())))

    def cost(self, work: _Work) -> int:
        """Count the rows; what is not batchable goes alone."""
        return work.call.size if work.call.options.batchable else self.max_cost

    def parts(self, work: _Work) -> Sequence[_Work]:
        """Give the call itself: it is made as a whole."""
        return [work]

    def predict(self, batch: Sequence[_Work]) -> Sequence[Any]:
        """Give each row its call's result: an array, or a tuple of them."""
        calls = [work.call for work in batch]
        options, name = calls[0].options, calls[0].method
        sent = [work.sent for work in batch]
        with self.device.computing(sent):
            columns = zip(*(one.tensors for one in sent), strict=True)
            inputs = [
                torch.cat(column, options.batch_dim) if len(column) > 1 else column[0]
                for column in columns
            ]
            given = getattr(self.module, name)(*inputs)
            arrays = self.device.fetch(outputs_of(given))
        method = self._methods[name]
        several = method.several if method.outputs else isinstance(given, tuple | list)
        result = tuple(arrays) if several else arrays[0]
        if not options.batchable:
            return [result]
        rows = [call.rows for call in calls]
        return spread(split(result, rows, [None] * len(rows), options.batch_dim), calls)
