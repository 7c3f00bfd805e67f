"""Plain learners: a module on one or several arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from fastai.data.core import DataLoaders, TfmdDL
from numpy.typing import NDArray

from ..errors import NotServable
from ..signature import ArrayInput, ArraysInput, HeadSpec, Signature
from ..validation import Item
from .adapter import BuiltInAdapter
from .outputs import ask_heads, check_loss, told_by


class ArrayAdapter(BuiltInAdapter):
    """Tensors or arrays as a plain data set gives them, through any module.

    `learner.predict` takes them as a tuple.
    """

    batch_items = 64

    @staticmethod
    def serves(learner: Any) -> bool:
        """See BuiltInAdapter.serves."""
        dls = learner.dls
        return (
            isinstance(dls, DataLoaders)
            and isinstance(dls.valid, TfmdDL)
            and len(dls.valid_ds) > 0
            and all(isinstance(part, torch.Tensor | np.ndarray) for part in _inputs_of(dls))
        )

    def describe(self) -> Signature:
        """See BuiltInAdapter.describe; the first validation item tells shapes and types."""
        check_loss(self.learner.loss_func)
        inputs = [_array_input(np.asarray(part)) for part in _inputs_of(self.learner.dls)]
        spec = inputs[0] if len(inputs) == 1 else ArraysInput(arrays=tuple(inputs))
        return Signature(input=spec, output=self._output(inputs))

    def examples(self) -> Sequence[Item]:
        """Make zeros and noise."""
        noise = np.random.default_rng(0)
        made_up = [
            [np.zeros(_shape(spec)) for spec in self._inputs],
            *([noise.normal(0, 1, _shape(spec)) for spec in self._inputs] for _ in range(3)),
        ]
        typed = [
            tuple(part.astype(spec.dtype) for part, spec in zip(parts, self._inputs, strict=True))
            for parts in made_up
        ]
        return [parts[0] if len(parts) == 1 else parts for parts in typed]

    def encode(self, item: Item) -> Any:
        """Make the tuple of tensors that `learner.predict` takes."""
        parts = item if isinstance(item, tuple) else (item,)
        return tuple(torch.from_numpy(np.array(part)) for part in parts)

    def ask_many(self, encoded: Sequence[Any]) -> Sequence[Any]:
        """Collate the items into one batch."""
        return ask_heads(self.learner, encoded)

    @property
    def _inputs(self) -> tuple[ArrayInput, ...]:
        spec = self.signature.input
        return spec.arrays if isinstance(spec, ArraysInput) else (spec,)  # type: ignore[return-value]

    def _output(self, inputs: Sequence[ArrayInput]) -> HeadSpec:
        """Let the learner answer zeros, to see what comes."""
        zeros = tuple(torch.from_numpy(np.zeros(_shape(spec), spec.dtype)) for spec in inputs)
        with self.learner.no_bar():
            _, decoded, raw = self.learner.predict(zeros)
        if not isinstance(raw, torch.Tensor) or raw.ndim > 1:
            raise NotServable(
                "a learner on arrays must answer classes or numbers; write an adapter for others"
            )
        names = getattr(self.learner.dls, "vocab", None) or range(raw.numel())
        return told_by(
            decoded[None], self.learner.loss_func, classes=tuple(map(str, names)), targets=()
        )


def _inputs_of(dls: Any) -> tuple[Any, ...]:
    item = dls.valid_ds[0]
    return tuple(item[: dls.n_inp]) if isinstance(item, tuple | list) else (item,)


def _array_input(part: NDArray[Any]) -> ArrayInput:
    """Take arrays of the shape that was trained on."""
    axes = tuple(f"dimension {i}" for i in range(part.ndim))
    return ArrayInput(shape=part.shape, dtype=part.dtype.name, axes=axes, typical_shape=part.shape)


def _shape(spec: ArrayInput) -> tuple[int, ...]:
    return spec.typical_shape or spec.shape
