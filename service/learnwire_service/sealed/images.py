"""Images as a network takes them."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..signature.answers import Outcomes, assemble
from ..signature.images import image_of_item
from ..signature.specs import ArrayInput, PointsOutput, Signature
from ..signature.validation import Item
from .answering import check_sizes, decode_batch
from .cropping import Side, Step
from .network import Network
from .part import FileName, Part
from .shaped import Encoded, ShapedPlan, size_of

Mode = Literal["RGB", "L"]
_CHANNELS: dict[Mode, int] = {"RGB": 3, "L": 1}
_STEPS = 20


class ImagesRecipe(Part):
    """How an image becomes the input of a network.

    Attributes:
        mode: Pillow's name of what its pixels are brought to: colour or grey.
        steps: what is done to it then, in this order.
        network: takes the pixels, [n, channels, height, width], uint8; all that fastai does to
            a batch is in it.
        resized: width and height that the network brings the pixels to; None where it keeps
            what it is given. Points are told in these.
    """

    kind: Literal["images"] = "images"
    mode: Mode
    steps: tuple[Step, ...] = Field(max_length=_STEPS)
    network: FileName
    resized: tuple[Side, Side] | None = None

    def pixels(self, item: Item) -> NDArray[np.uint8]:
        """Give an image's pixels, [channels, height, width].

        Args:
            item: its pixels, height x width (x channels), or the bytes of a file.

        Raises:
            InvalidInput: it does not decode, or must be padded to far too many pixels.
        """
        from PIL import Image

        assert isinstance(item, np.ndarray)  # noqa: S101 - validation made it
        image = (
            Image.fromarray(item)
            if item.ndim > 1
            else image_of_item(item.tobytes()).convert(self.mode)
        )
        for step in self.steps:
            image = step(image)
        shape = (image.height, image.width, _CHANNELS[self.mode])
        return np.asarray(image).reshape(shape).transpose(2, 0, 1)


class ImagesPlan(ShapedPlan):
    """Opens images, brings them to their size, and lets the network do the rest.

    Args:
        signature: what the model takes, one image, and answers.
        recipe: takes images of as many channels.
        network: the recipe's.

    Raises:
        ValueError: they do not fit together.
    """

    name = "images"
    encodes_apart = True

    def __init__(self, signature: Signature, recipe: ImagesRecipe, network: Network) -> None:
        spec = signature.input
        if not isinstance(spec, ArrayInput) or not spec.encoded:
            raise ValueError(f"the model takes a {spec.kind}, and its recipe an image")
        channels = _CHANNELS[recipe.mode]
        sides = recipe.steps[-1].size[::-1] if recipe.steps else (None, None)
        if [size[1:] for size in network.inputs] != [(channels, *sides)]:
            raise ValueError(f"its network does not take images of {(channels, *sides)}")
        self.signature = signature
        self._recipe = recipe
        self._network = network
        self._channels = channels
        self._usual_size = int(np.prod(spec.typical_shape[:2])) if spec.typical_shape else 0

    def encode(self, item: Item) -> Encoded:
        """See Plan.encode."""
        return (self._recipe.pixels(item),)

    def input_size(self, encoded: Encoded) -> int:
        """See Plan.input_size."""
        size = size_of(encoded) // self._channels
        return 0 if self._recipe.steps or size <= self._usual_size else size

    def _answers(self, inputs: Sequence[NDArray[Any]]) -> Outcomes:
        outputs, spec = self._network(*inputs), self.signature.output
        if not isinstance(spec, PointsOutput):
            return decode_batch(spec, outputs)
        values, index = outputs
        check_sizes(spec, index, values)
        # fastai's PointScaler tells them from -1 to 1, from one edge of the image to the other.
        sides = np.array(self._recipe.resized or inputs[0].shape[:1:-1], np.float32)
        points = (index.reshape(len(index), -1, 2) + np.float32(1)) * sides / np.float32(2)
        return [assemble(spec, *one) for one in zip(index, values, points, strict=True)]
