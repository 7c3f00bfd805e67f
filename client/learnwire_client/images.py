"""Images as people hold them (a Path, the bytes of a file, a PIL image) to encoded bytes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from sys import modules
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np
from learnwire.v1 import io_pb2

from .arrays import AnyArray
from .errors import FieldError

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

Image: TypeAlias = "os.PathLike[str] | bytes | bytearray | memoryview | PILImage"

# What keeps the pixels of each of Pillow's modes. All other modes are made RGB, which is what
# models make of them.
_FORMATS = {
    **dict.fromkeys(("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "PNG"),
    **dict.fromkeys(("CMYK", "F", "I", "YCbCr"), "TIFF"),
}


def is_image(value: object) -> "TypeGuard[Image]":
    """Tell an image from all else, arrays of pixels too; Pillow is never imported for it."""
    return isinstance(value, (os.PathLike, bytes, bytearray, memoryview)) or is_pil_image(value)


def is_pil_image(value: object) -> "TypeGuard[PILImage]":
    """Tell a PIL image from all else; Pillow is never imported for it."""
    pil = modules.get("PIL.Image")
    return pil is not None and isinstance(value, pil.Image)


def pixels_of(image: "PILImage", mode: str) -> AnyArray:
    """Give the pixels of a PIL image in another of Pillow's modes, as uint8.

    Raises:
        FieldError: it does not decode, or has no form in that mode. Its field is `data`.
    """
    with _told(image):
        return np.asarray(_savable(image).convert(mode))


def encoded_image(value: Image) -> bytes:
    """Give an image as the bytes of a file, which have the same pixels.

    Args:
        value: a Path, whose file is read; the bytes of one; or a PIL image.

    Raises:
        FieldError: there is no such file, or it has nothing in it; or the image does not
            decode, or is of a mode that has no form in a file. Its field is `data`.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
    elif isinstance(value, os.PathLike):
        data = _read(Path(value))
    else:
        data = _saved(value)
    if not data:
        raise FieldError("data", "expected an encoded image, got no bytes")
    return data


def decode_image(message: io_pb2.Image) -> "PILImage":
    """Decode an image, which needs Pillow.

    Raises:
        FieldError: it does not decode. Its field is `data`.
        ImportError: Pillow is not installed.
    """
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError("an image needs Pillow: pip install pillow") from error
    try:
        image = PIL.Image.open(BytesIO(message.data))
        image.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise FieldError("data", f"expected an image that decodes: {error}") from None
    return image


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"expected an image file, got {path}: {error.strerror}"
        raise FieldError("data", problem) from None


def _saved(image: "PILImage") -> bytes:
    file = BytesIO()
    with _told(image):
        image = _savable(image)
        # Little effort: it is saved to travel, not to stay.
        image.save(file, _FORMATS[image.mode], compress_level=1)
    return file.getvalue()


def _savable(image: "PILImage") -> "PILImage":
    return image if image.mode in _FORMATS else image.convert("RGB")


@contextmanager
def _told(image: "PILImage") -> Iterator[None]:
    """Raise what Pillow raises of an image as a FieldError."""
    try:
        yield
    except (OSError, ValueError, SyntaxError) as error:
        problem = f"expected an image that decodes, got one of mode {image.mode}: {error}"
        raise FieldError("data", problem) from None
