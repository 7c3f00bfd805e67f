"""The one place where the images of callers are decoded."""

import io
from typing import TYPE_CHECKING

from learnwire_client.errors import FieldError

from ..common.errors import InvalidInput
from .image_formats import format_name

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow knows more, among them some that it hands to other programs.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")


def opened_image(data: bytes, max_pixels: int | None) -> "Image":
    """Decode an image to its last row, so that a bad one is its sender's fault.

    Args:
        data: the file.
        max_pixels: how many pixels it may have; None: as many as Pillow takes.

    Raises:
        FieldError: it is of another format, has more pixels, or does not decode. Its field is
            `data`.
    """
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        pixels = image.width * image.height
        if max_pixels is not None and pixels > max_pixels:
            raise FieldError("data", too_many_pixels(pixels, max_pixels))
        image.load()
    except FieldError:
        raise
    except Image.DecompressionBombError:
        problem = "got an image of far too many pixels"
    except Exception:  # noqa: BLE001 - Pillow's decoders raise all sorts of errors
        name = format_name(data)
        if name is None or any(f" {one} image" in name for one in FORMATS):
            problem = f"got {name or 'one'} that does not decode"
        else:
            problem = f"got {name}, which is not taken; send PNG or JPEG"
    else:
        return image
    raise FieldError("data", f"expected an encoded image ({', '.join(FORMATS)}), {problem}")


def image_of_item(data: bytes) -> "Image":
    """Decode the image that an item is the bytes of.

    How many pixels it has was checked before: see `queue.processing`.

    Raises:
        InvalidInput: it does not decode; a bad one is its sender's fault.
    """
    try:
        return opened_image(data, max_pixels=None)
    except FieldError as error:
        raise InvalidInput([error.below("array").violation]) from None


def too_many_pixels(pixels: int, most: int) -> str:
    """Say that an image has more pixels than the server takes."""
    return f"expected at most {most} pixels, got {pixels}; --max-pixels of the server says how many"
