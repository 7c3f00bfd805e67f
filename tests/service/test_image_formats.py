"""What is no image that is taken is told by its name, and no other decoder sees it."""

import base64
import io

import learnwire_service as lw
import numpy as np
import pytest
from learnwire_service.learners.vision import _checked_image
from learnwire_service.signature.image_formats import format_name
from PIL import Image

PIXELS = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8))


def written(image_format: str) -> bytes:
    file = io.BytesIO()
    PIXELS.save(file, image_format)
    return file.getvalue()


# Of formats that Pillow writes, and of others their first bytes.
NOT_TAKEN: dict[str, bytes] = {
    "a JPEG 2000 image": written("JPEG2000"),
    "an AVIF image": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1",
    "an icon (ICO)": written("ICO"),
    "PostScript": written("EPS"),
    "a PDF document": written("PDF"),
    "a DDS image": written("DDS"),
    "a Netpbm image": written("PPM"),
    "a JPEG XL image": b"\xff\x0a\xfa\x1f",
    "a HEIC image": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "a Photoshop image": b"8BPS\0\1" + bytes(20),
    "a DICOM image": bytes(128) + b"DICM" + bytes(9),
    "a camera's raw image": b"II*\0\x10\0\0\0CR\2\0" + bytes(9),
    "a video (MP4 or QuickTime)": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2",
    "a video (Matroska or WebM)": b"\x1aE\xdf\xa3" + bytes(9),
    "a video (AVI)": b"RIFF\x10\0\0\0AVI LIST",
    "an SVG drawing": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "HTML or XML": b"<!DOCTYPE html><html><body>404</body></html>",
    "JSON": b'{"error": "not found"}',
    "text": "/bilder/größe.png".encode(),
    "base64 text and not the bytes that it stands for": base64.b64encode(written("PNG")),
    "a ZIP archive": b"PK\3\4" + bytes(30),
    "no bytes at all": b"",
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_a_format_that_is_not_taken_is_named_with_the_way_out(name: str) -> None:
    with pytest.raises(lw.InvalidInput) as caught:
        _checked_image(NOT_TAKEN[name])
    told = f"got {name}, which is not taken; send PNG or JPEG"
    [violation] = caught.value.violations
    assert (violation.field, violation.description.partition("), ")[2]) == ("array.data", told)


@pytest.mark.parametrize("name", ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"])
def test_a_format_that_is_taken_is_taken_or_told_not_to_decode(name: str) -> None:
    data = written(name)
    assert _checked_image(data) == data
    with pytest.raises(lw.InvalidInput, match=f"got an? {name} image that does not decode"):
        _checked_image(data[: len(data) // 2 if name != "GIF" else 9])


def test_what_nobody_knows_does_not_decode() -> None:
    assert format_name(bytes(range(1, 60))) is None
    with pytest.raises(lw.InvalidInput, match="got one that does not decode"):
        _checked_image(bytes(range(1, 60)))
