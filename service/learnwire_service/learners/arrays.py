"""Plain learners: a module on one or several arrays."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from fastai.data.core import DataLoaders, Datasets, TfmdDL
from numpy.typing import NDArray

from ..common.errors import NotServable
from ..signature.specs import ArrayInput, ArraysInput, HeadSpec, Signature
from ..signature.validation import Item
from .adapter import BuiltInAdapter
from .outputs import ask_heads, check_loss, class_names, told_by
from .raw import array_items, as_numpy, contained, described, is_array, is_number, steps

_OWN = 3
# So many times the range of the data set.
_FAR = 10


class ArrayAdapter(BuiltInAdapter):
    """Tensors, arrays or numbers as a data set gives them, through any module.

    They are handed to `learner.predict` with the type, dtype and shape that the data set's own
    items have before any transform: of a plain data set as a tuple, of fastai's Datasets bare,
    where there is one.
    """

    batch_items = 64

    @staticmethod
    def serves(learner: Any) -> bool:
        """See BuiltInAdapter.serves."""
        dls = learner.dls
        return (
            isinstance(dls, DataLoaders)
            and isinstance(dls.valid, TfmdDL)
            and len(array_items(dls)) > 0
        )

    @staticmethod
    def takes(example: Any) -> bool:
        """Tell whether an example is an array or number, or a tuple of them."""
        return all(is_array(part) or is_number(part) for part in _parts(example))

    def describe(self) -> Signature:
        """See BuiltInAdapter.describe; the data set's items tell, or the user's examples."""
        check_loss(self.learner.loss_func)
        items = [*array_items(self.learner.dls).values(), *self._told()]
        alike = [parts for parts in items if len(parts) == len(items[0])]
        inputs = tuple(described(parts) for parts in zip(*alike, strict=True))
        spec = inputs[0] if len(inputs) == 1 else ArraysInput(arrays=inputs)
        return Signature(input=spec, output=self._output(items[0]))

    @property
    def oracle(self) -> str:  # type: ignore[override]  # here it depends on the data set
        """See BuiltInAdapter."""
        return f"learner.predict({'item' if self._is_bare else 'tuple of arrays'})"

    def examples(self) -> Sequence[Item]:
        """Make zeros, and noise in the range of the data set's items and far from it.

        Where sizes vary, some noise is of others than usual.
        """
        items = list(array_items(self.learner.dls).values())
        noise, ranges = _Noise(), _ranges(items, len(self._inputs))
        far = [(_FAR * low, _FAR * high) for low, high in ranges]
        made_up = [
            tuple(np.zeros(_shape(spec), spec.dtype) for spec in self._inputs),
            *(tuple(map(noise.like, self._inputs, ranges)) for _ in range(3)),
            tuple(map(noise.like, self._inputs, far)),
        ]
        if (larger := tuple(map(_larger, self._inputs))) != self._inputs:
            made_up.append(tuple(map(noise.like, larger, ranges)))
        return [parts[0] if len(parts) == 1 else parts for parts in made_up]

    def own_items(self) -> Iterator[tuple[Any, Item]]:
        """See BuiltInAdapter.own_items."""
        data = self.learner.dls.valid_ds
        for i, parts in islice(array_items(self.learner.dls).items(), _OWN):
            raw = next(steps(data.tls[0], i)) if isinstance(data, Datasets) else parts
            sent = tuple(map(as_numpy, parts))
            yield raw, sent[0] if len(sent) == 1 else sent

    def encode(self, item: Item) -> Any:
        """Give each array the type that the learner's own items have."""
        pairs = zip(self._inputs, _parts(item), strict=True)
        return self._handed(tuple(contained(spec, part) for spec, part in pairs))

    def ask_many(self, encoded: Sequence[Any]) -> Sequence[Any]:
        """Collate the items into one batch."""
        return ask_heads(self.learner, encoded)

    def _told(self) -> list[tuple[Any, ...]]:
        """Give those of the user's examples that are arrays, which may be of other shapes."""
        return [_parts(one) for one in self.given if self.takes(one)]

    def _handed(self, parts: tuple[Any, ...]) -> Any:
        """Give what `learner.predict` takes for one item."""
        return parts[0] if self._is_bare else parts

    @property
    def _is_bare(self) -> bool:
        dls = self.learner.dls
        return isinstance(dls.valid_ds, Datasets) and dls.n_inp == 1

    @property
    def _inputs(self) -> tuple[ArrayInput, ...]:
        spec = self.signature.input
        return spec.arrays if isinstance(spec, ArraysInput) else (spec,)  # type: ignore[return-value]

    def _output(self, parts: tuple[Any, ...]) -> HeadSpec:
        """Let the learner answer an item, to see what comes."""
        try:
            with self.learner.no_bar():
                _, decoded, raw = self.learner.predict(self._handed(parts))
        except Exception as error:
            raise NotServable(
                f"learner.predict does not take an item of its own data ({error!r}); write an "
                "adapter that asks the learner as you do (save_model(..., adapter=...))"
            ) from error
        if not isinstance(raw, torch.Tensor) or raw.ndim > 1:
            raise NotServable(
                "a learner on arrays must answer classes or numbers; write an adapter for others"
            )
        names = self._class_names or tuple(map(str, range(raw.numel())))
        return told_by(decoded[None], self.learner.loss_func, classes=names, targets=())

    @property
    def _class_names(self) -> tuple[str, ...]:
        data = self.learner.dls.valid_ds
        targets = data.tls[data.n_inp :] if isinstance(data, Datasets) else []
        return class_names(self.learner.dls, targets[0] if len(targets) == 1 else None)


class _Noise:
    """Makes up arrays that are like a learner's own."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)

    def like(self, spec: ArrayInput, within: tuple[float, float]) -> NDArray[Any]:
        """Make one; its values are in a range that the learner's own have been seen in."""
        low, high = within
        if spec.numpy_dtype.kind in "iub":
            least, most = _limits(spec.numpy_dtype)
            bounds = max(int(low), least), min(int(high), most)
            return np.asarray(
                self._random.integers(*bounds, _shape(spec), spec.numpy_dtype, endpoint=True)
            )
        return np.asarray(self._random.uniform(low, high, _shape(spec)).astype(spec.dtype))


def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    if dtype.kind == "b":
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _ranges(items: Sequence[tuple[Any, ...]], inputs: int) -> list[tuple[float, float]]:
    if not items:
        return [(0.0, 1.0)] * inputs
    flat = ([as_numpy(part).ravel() for part in parts] for parts in zip(*items, strict=True))
    finite = (values[np.isfinite(values)] for values in map(np.concatenate, flat))
    return [(float(values.min(initial=0)), float(values.max(initial=0))) for values in finite]


def _parts(example: Any) -> tuple[Any, ...]:
    return example if isinstance(example, tuple) else (example,)


def _larger(spec: ArrayInput) -> ArrayInput:
    """Describe an array whose sizes that vary are others than usual."""
    sizes = zip(spec.shape, _shape(spec), strict=True)
    shape = tuple(2 * usual + 1 if size == -1 else size for size, usual in sizes)
    return spec.model_copy(update={"typical_shape": shape})


def _shape(spec: ArrayInput) -> tuple[int, ...]:
    return spec.typical_shape or spec.shape
