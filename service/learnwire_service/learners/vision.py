"""Learners trained on images."""

import io
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from fastai.data.core import Datasets
from fastai.vision.core import PILBase, PILImage
from numpy.typing import NDArray
from PIL import Image

from ..common.errors import InvalidInput, NotServable
from ..signature.images import image_of_item
from ..signature.pixels import pixels_of
from ..signature.specs import ArrayInput, Signature
from ..signature.validation import Item
from .adapter import BuiltInAdapter
from .outputs import ask_heads, output_spec
from .raw import steps, types_of

_AXES = ("height", "width", "channels")
_CHANNELS: dict[str, tuple[int, ...]] = {"RGB": (3,), "L": ()}
_DEFAULT_SIDE = 64
_OWN = 2
# How many times as tall and as wide as usual, and how many pixels more.
_PROBED = ((1, 2, 1), (2, 1, 3), (1, 3, 5), (3, 1, 2), (2, 3, 7), (1, 1, 9))


class VisionAdapter(BuiltInAdapter):
    """8-bit pixels, height x width x 3 in colour, height x width in grey, or an encoded image."""

    batch_items = 32

    @staticmethod
    def serves(learner: Any) -> bool:
        """See BuiltInAdapter.serves."""
        return _image_type(learner) is not None

    def describe(self) -> Signature:
        """See BuiltInAdapter.describe."""
        image_type: Any = _image_type(self.learner)
        mode = image_type._open_args.get("mode")
        if not issubclass(image_type, PILImage) or mode not in _CHANNELS:
            raise NotServable(
                f"images opened as {image_type.__name__} cannot be served as they are, only as "
                "PILImage (colour) or PILImageBW (grey); write an adapter for others "
                "(save_model(..., adapter=...))"
            )
        shape = (-1, -1, *_CHANNELS[mode])
        pixels = ArrayInput(
            shape=shape,
            dtype="uint8",
            axes=_AXES[: len(shape)],
            typical_shape=_typical_shape(self.learner.dls, shape),
            encoded=True,
        )
        return Signature(input=pixels, output=output_spec(self.learner))

    @property
    def oracle(self) -> str:  # type: ignore[override]  # here it depends on the outputs
        """See BuiltInAdapter."""
        if self.signature.output.kind == "several":
            return "learner.get_preds(dl=learner.dls.test_dl([item]), with_decoded=True)"
        return "learner.predict(item)"

    def examples(self) -> Sequence[Item]:
        """Make images of several sizes and modes, some of them encoded."""
        shape = self._shape
        noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        height, width = shape[:2]
        encoded = [
            _encoded(_graded(height, width), "RGBA", "PNG"),
            _encoded(_graded(2 * height + 1, width), "P", "PNG"),
            _encoded(_graded(height, 3 * width + 2), "L", "JPEG"),
        ]
        if self.signature.output.kind == "mask":  # an answer of which is large
            return [noise, encoded[1]]
        pixels = _graded(height, width)
        graded = pixels if len(shape) > 2 else pixels[..., 0]
        return [np.zeros(shape, np.uint8), np.ascontiguousarray(graded), noise, *encoded]

    def probes(self) -> Sequence[Item]:
        """Make noise of many shapes: at some, a crop leaves nothing to chance."""
        height, width, *channels = self._shape
        noise = np.random.default_rng(0)
        return [
            noise.integers(0, 256, (tall * height + more, wide * width + more, *channels), np.uint8)
            for tall, wide, more in _PROBED
        ]

    def own_items(self) -> Iterator[tuple[Any, Item]]:
        """See BuiltInAdapter.own_items; files of the data set are read."""
        images = self.learner.dls.valid_ds.tls[0]
        for i in range(min(len(images), _OWN)):
            try:
                values = list(steps(images, i))
            except OSError:  # the files are elsewhere by now
                return
            sent = next((one for value in values if (one := _sent(value)) is not None), None)
            if sent is not None:
                yield values[0], sent

    @property
    def _shape(self) -> tuple[int, ...]:
        assert isinstance(self.signature.input, ArrayInput)  # noqa: S101 - see describe
        wanted = self.signature.input
        return wanted.typical_shape or tuple(n if n > 0 else _DEFAULT_SIDE for n in wanted.shape)

    def encode(self, item: Item) -> Any:
        """Give pixels as they are, and an encoded image as bytes, once it has been opened."""
        assert isinstance(item, np.ndarray)  # noqa: S101 - validation made it
        return item if item.ndim > 1 else _checked_image(item.tobytes())

    def input_size(self, item: Item) -> int:
        """Count the pixels, where no transform brings all images to one size."""
        assert isinstance(item, np.ndarray)  # noqa: S101 - validation made it
        return 0 if self._makes_one_size else pixels_of(item)

    @cached_property
    def _makes_one_size(self) -> bool:
        try:
            sizes = {_size_of(self.learner, side) for side in (16, 32)}
        except Exception:  # noqa: BLE001 - a learner may raise anything
            return False
        return len(sizes) == 1

    def ask(self, encoded: Any) -> Any:
        """Let the learner answer, with all its outputs."""
        if self.signature.output.kind == "several":
            return ask_heads(self.learner, [encoded])[0]
        return super().ask(encoded)

    def ask_many(self, encoded: Sequence[Any]) -> Sequence[Any]:
        """Collate the images into one batch; of points only `learner.predict` tells the label."""
        if self.signature.output.kind == "points":
            return super().ask_many(encoded)
        return ask_heads(self.learner, encoded)


def _graded(height: int, width: int) -> NDArray[np.uint8]:
    """Make an image that grows brighter to the right and, in another colour, downwards."""
    across = np.linspace(0, 255, width)[None, :, None] * [1, 0, 0.5]
    down = np.linspace(0, 255, height)[:, None, None] * [0, 1, 0.5]
    return (across + down).astype(np.uint8)


def _encoded(pixels: NDArray[np.uint8], mode: str, image_format: str) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, image_format)
    return np.frombuffer(file.getvalue(), np.uint8)


def _sent(value: Any) -> NDArray[Any] | None:
    """Give what a client sends for an item of a data set, None where it is none to be sent."""
    if isinstance(value, np.ndarray):
        return value if value.dtype == np.uint8 else None
    if not isinstance(value, str | Path | bytes):
        return None
    try:
        data = value if isinstance(value, bytes) else Path(value).read_bytes()
        return np.frombuffer(_checked_image(data), np.uint8)
    except (OSError, InvalidInput):
        return None


def _image_type(learner: Any) -> type | None:
    dataset = learner.dls.valid_ds
    if not isinstance(dataset, Datasets) or dataset.n_inp != 1:
        return None
    *_, last = types_of(dataset.tls[0]) or [None]
    return last if isinstance(last, type) and issubclass(last, PILBase) else None


def _size_of(learner: Any, side: int) -> tuple[int, ...]:
    """Give the shape that the transforms make of an image of so many pixels a side."""
    loader = learner.dls.test_dl([np.zeros((side, side, 3), np.uint8)], num_workers=0)
    return tuple(loader.do_item(0)[0].shape)


def _typical_shape(dls: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Give the shape of one validation image as the network sees it, where one is at hand."""
    if len(dls.valid_ds) == 0:
        return None
    try:
        pixels = dls.valid.do_item(0)[0]
    except OSError:
        return None
    return (*pixels.shape[-2:], *shape[2:])


def _checked_image(data: bytes) -> bytes:
    """Give the bytes of an image once it has been decoded; a bad one is its sender's fault."""
    image_of_item(data).close()
    return data
