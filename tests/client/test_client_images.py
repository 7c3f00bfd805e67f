"""Images, tensors and lists as callers have them, on their way to the wire."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learnwire_client import InvalidInput
from learnwire_client.arrays import AnyArray, decode_array
from learnwire_client.images import encoded_image, pixels_of
from learnwire_client.inputs import predict_request
from PIL import Image

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
RGB = Image.fromarray(PIXELS)
WIDE = np.random.default_rng(1).integers(-70_000, 70_000, (9, 7), dtype=np.int32)
IMAGES = {
    **{mode: RGB.convert(mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "RGBX")},
    **{mode: RGB.convert(mode) for mode in ("CMYK", "YCbCr", "HSV", "I", "F")},
    "I;16": Image.fromarray(WIDE.astype(np.uint16)),
    "wide I": Image.fromarray(WIDE),
    "wide F": Image.fromarray(WIDE.astype(np.float32)),
}


def sent(value: Any) -> AnyArray:
    return decode_array(predict_request("m", value).array)


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", IMAGES)
def test_a_pil_image_keeps_its_pixels_on_the_way(kind: str, mode: str) -> None:
    image = IMAGES[kind]
    travelled = np.asarray(opened(encoded_image(image)).convert(mode))
    np.testing.assert_array_equal(travelled, np.asarray(image.convert(mode)))
    np.testing.assert_array_equal(travelled, pixels_of(image, mode))


def test_a_path_and_bytes_are_sent_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    RGB.save(file)
    data = file.read_bytes()
    for value in (file, data, bytearray(data), memoryview(data)):
        array = sent(value)
        assert array.dtype == np.uint8
        assert array.tobytes() == data


@pytest.mark.parametrize("value", [Path("missing.png"), Path("/"), b""], ids=str)
def test_what_holds_no_image_is_refused_before_it_is_sent(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        predict_request("m", value)
    assert [violation.field for violation in caught.value.violations] == ["array.data"]


def test_a_truncated_pil_image_is_refused_before_it_is_sent() -> None:
    with pytest.raises(InvalidInput, match=r"array\.data: expected an image that decodes"):
        predict_request("m", Image.open(BytesIO(encoded_image(RGB)[:100])))


@pytest.mark.parametrize("kind", ["plain", "gradient", "several"])
def test_a_tensor_is_sent_as_its_array(kind: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(6, dtype=torch.float32).reshape(2, 3).requires_grad_(kind == "gradient")
    if kind == "several":
        message = predict_request("m", (tensor, [1.0])).arrays.arrays[0]
    else:
        message = predict_request("m", tensor).array
    np.testing.assert_array_equal(decode_array(message), np.arange(6).reshape(2, 3))


def test_a_list_takes_the_type_that_its_receiver_expects() -> None:
    message = predict_request("m", [[1, 2], [3, 4]]).array
    array = decode_array(message, np.dtype(np.uint8))
    assert array.dtype == np.uint8
    assert array.tolist() == [[1, 2], [3, 4]]


def test_a_list_of_integers_that_no_double_holds_keeps_them() -> None:
    assert sent([2**53 + 1, 1]).tolist() == [2**53 + 1, 1]


def test_a_ragged_list_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"array\.values: expected lists of equal length"):
        predict_request("m", [[1, 2], [3]])


@pytest.mark.parametrize("value", [["a", "b"], [{"x": 1}], [None]])
def test_a_list_of_other_things_is_not_taken_for_one_item(value: Any) -> None:
    with pytest.raises(TypeError, match="predict_many"):
        predict_request("m", value)


def test_pillow_is_not_imported_for_what_is_none_of_its_images() -> None:
    program = (
        "import sys, numpy\n"
        "from learnwire_client.inputs import predict_request\n"
        "predict_request('m', b'1'), predict_request('m', numpy.zeros(2))\n"
        "assert not any(name.startswith(('PIL', 'torch')) for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
