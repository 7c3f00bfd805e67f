"""Images cropped, padded and resized, pixel for pixel as fastai's transforms do to validate.

Source: fastai 2.8, `fastai/vision/augment.py` (Resize, CropPad, RandomCrop, RandomResizedCrop).
"""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import numpy as np
from learnwire_client.errors import Violation
from pydantic import Field

from ..common.errors import InvalidInput
from .part import Part

if TYPE_CHECKING:
    from PIL.Image import Image

# Of an image much wider than high, padding makes one many times as large.
_LARGEST_CANVAS = 2**26

Side = Annotated[int, Field(ge=1, le=4096)]
# Width and height.
_Size: TypeAlias = tuple[int, int]
Padding: TypeAlias = Literal["zeros", "border", "reflection"]
_MODES: dict[str, Literal["edge", "reflect"]] = {"border": "edge", "reflection": "reflect"}


class CropPad(Part):
    """Takes the middle of an image, and pads what it has too little of.

    Attributes:
        size: width and height that come out.
        padding: what is put around an image that is smaller.
    """

    step: Literal["crop_pad"] = "crop_pad"
    size: tuple[Side, Side]
    padding: Padding

    def __call__(self, image: "Image") -> "Image":
        """Give the image of the new size."""
        (width, height), (wanted_width, wanted_height) = image.size, self.size
        corner = ((width - wanted_width) // 2, (height - wanted_height) // 2)
        return _crop_padded(image, self.size, corner, self.padding)


class Resize(Part):
    """Brings an image to a size.

    Attributes:
        size: width and height that come out.
        method: "squish" changes the proportions; "crop" keeps them, and the middle of what is
            too long; "pad" keeps all, and pads what is too short.
        padding: what "pad" puts around an image.
        resample: Pillow's number of the way to resample; see PIL.Image.Resampling.
    """

    step: Literal["resize"] = "resize"
    size: tuple[Side, Side]
    method: Literal["crop", "pad", "squish"]
    padding: Padding
    resample: Annotated[int, Field(ge=0, le=5)]

    def __call__(self, image: "Image") -> "Image":
        """Give the image of the new size.

        Raises:
            InvalidInput: padding would make an image far larger than it is.
        """
        if self.method != "squish":
            image = self._in_proportion(image)
        return image.resize(self.size, self.resample)

    def _in_proportion(self, image: "Image") -> "Image":
        width, height = image.size
        ratios = (width / self.size[0], height / self.size[1])
        ratio = max(ratios) if self.method == "pad" else min(ratios)
        taken = (int(ratio * self.size[0]), int(ratio * self.size[1]))
        if taken[0] * taken[1] > max(_LARGEST_CANVAS, width * height):
            problem = (
                f"expected an image that is padded to at most {_LARGEST_CANVAS} pixels, got one of "
                f"{width} x {height}, which needs {taken[0]} x {taken[1]}; crop it"
            )
            raise InvalidInput([Violation("array", problem)])
        corner = (int(0.5 * (width - taken[0])), int(0.5 * (height - taken[1])))
        return _crop_padded(image, taken, corner, self.padding)


Step: TypeAlias = Annotated[CropPad | Resize, Field(discriminator="step")]


def _crop_padded(image: "Image", size: _Size, corner: tuple[int, int], padding: Padding) -> "Image":
    """Take a rectangle of an image, padded where it is outside."""
    whole, (x, y) = image.size, corner
    right, bottom = x + size[0], y + size[1]
    if x >= 0 or y >= 0 or right <= whole[0] or bottom <= whole[1]:
        box = (max(x, 0), max(y, 0), min(right, whole[0]), min(bottom, whole[1]))
        image = image.crop(box)
    around = (max(-x, 0), max(-y, 0), max(right - whole[0], 0), max(bottom - whole[1], 0))
    return _padded(image, around, padding) if any(around) else image


def _padded(image: "Image", around: tuple[int, int, int, int], padding: Padding) -> "Image":
    from PIL import Image, ImageOps

    if padding == "zeros":
        return ImageOps.expand(image, around, fill=0)
    left, top, right, bottom = around
    pixels = np.asarray(image)
    channels = [(0, 0)] * (pixels.ndim - 2)
    widths = [(top, bottom), (left, right), *channels]
    return Image.fromarray(np.pad(pixels, widths, mode=_MODES[padding]))
