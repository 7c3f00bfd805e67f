"""Images."""

from typing import TYPE_CHECKING, Any

import numpy as np
from learnwire_client.errors import FieldError
from learnwire_client.images import is_pil_image, pixels_of

from .answered import as_elements
from .base import Descriptor, kind_of, refuse

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

_MODES = ("RGB", "L", "RGBA")


class Image(Descriptor):
    """An image, which functions take as a PIL image or as an array of its pixels.

    As an output it may be either, or a tensor of pixels: uint8, [height, width] or [height,
    width, channels]. It travels without loss.

    Usage: `@svc.api(input=lw.Image(), output=lw.Prediction())`

    Args:
        mode: what it is converted to, "RGB", "L" (grey) or "RGBA"; None: nothing. What a
            Learner's runner is given, it converts as it needs.
        as_array: whether functions get an array rather than a PIL image.

    Attributes:
        mode: as given.
        as_array: as given.

    Raises:
        ValueError: `mode` is another.
    """

    def __init__(self, mode: str | None = "RGB", *, as_array: bool = False) -> None:
        if mode is not None and mode not in _MODES:
            raise ValueError(f"mode: expected one of {', '.join(_MODES)} or None, got {mode!r}")
        self.mode = mode
        self.as_array = as_array

    def __repr__(self) -> str:
        return f"Image(mode={self.mode}, as_array={self.as_array})"

    @property
    def field(self) -> str:
        """See Descriptor."""
        return "image"

    def check(self, value: object, *, max_text_chars: int | None = None) -> Any:
        """See Descriptor."""
        from PIL.Image import fromarray

        image = as_image(value)
        if self.mode is not None and self.mode != image.mode:
            try:
                image = fromarray(pixels_of(image, self.mode))
            except FieldError as error:
                refuse("image.data", error.violation.description)
        return np.array(image) if self.as_array else image


def as_image(value: object) -> "PILImage":
    """Make a PIL image of pixels.

    Raises:
        InvalidInput: these are none.
    """
    if is_pil_image(value):
        return value
    from PIL.Image import fromarray

    pixels = as_elements(value)
    if not isinstance(pixels, np.ndarray):
        refuse("image", f"expected an image, got {kind_of(value)}")
    if pixels.dtype.kind in "iu" and pixels.size and not (pixels < 0).any() | (pixels > 255).any():
        pixels = pixels.astype(np.uint8, copy=False)  # of lists, whose integers have no bits
    if pixels.dtype != np.uint8:
        refuse("array.data_type", f"expected pixels as uint8, 0 to 255, got {pixels.dtype.name}")
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or channels not in (1, 3, 4) or 0 in pixels.shape:
        wanted = "[height, width] or [height, width, channels]"
        refuse("array.shape", f"expected {wanted}, got {list(pixels.shape)}")
    return fromarray(pixels[..., 0] if pixels.ndim == 3 and channels == 1 else pixels)
