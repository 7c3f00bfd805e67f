"""Learners trained on images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from fastai.data.core import Datasets
from fastai.vision.core import PILBase, PILImage, PILImageBW

from ..errors import NotServable
from ..signature import ArrayInput, InputSpec
from ..validation import Item

_AXES = ("height", "width", "channels")
_DEFAULT_SIDE = 64


class VisionKind:
    """Image learners: 8-bit pixels, height x width x 3 in colour, height x width in grey."""

    def input_spec(self, learner: Any) -> InputSpec | None:
        """See Kind.input_spec."""
        image_type = _image_type(learner.dls)
        if image_type is None:
            return None
        if image_type not in (PILImage, PILImageBW):
            raise NotServable(
                f"images opened as {image_type.__name__} cannot be served, only as PILImage "
                "(colour) or PILImageBW (grey)"
            )
        shape = (-1, -1) if image_type is PILImageBW else (-1, -1, 3)
        return ArrayInput(
            shape=shape,
            dtype="uint8",
            axes=_AXES[: len(shape)],
            typical_shape=_typical_shape(learner.dls, shape),
        )

    def examples(self, learner: Any, spec: InputSpec) -> Sequence[Item]:
        """Make a black, a graded and a noisy image."""
        assert isinstance(spec, ArrayInput)  # noqa: S101 - it is this kind's own
        shape = spec.typical_shape or tuple(n if n > 0 else _DEFAULT_SIDE for n in spec.shape)
        count = int(np.prod(shape))
        noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        graded = np.linspace(0, 255, count).astype(np.uint8).reshape(shape)
        return [np.zeros(shape, np.uint8), graded, noise]

    def encode(self, item: Item) -> Any:
        """See Kind.encode."""
        return item


def _image_type(dls: Any) -> type | None:
    dataset = dls.valid_ds
    if not isinstance(dataset, Datasets) or dataset.n_inp != 1:
        return None
    last = dataset.tls[0].types[-1]
    return last if isinstance(last, type) and issubclass(last, PILBase) else None


def _typical_shape(dls: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Give the shape of one validation image as the network sees it, where one is at hand."""
    if len(dls.valid_ds) == 0:
        return None
    try:
        pixels = dls.valid.do_item(0)[0]
    except OSError:
        return None
    return (*pixels.shape[-2:], *shape[2:])
