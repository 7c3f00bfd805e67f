"""`lw.Image()`: endpoints that take and answer images."""

import asyncio
import json
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import learnwire_service as lw
import numpy as np
import pytest
from learnwire_client import AsyncClient, Client, InvalidInput
from PIL import Image

from tests.conftest import Trained
from tests.end_to_end.test_predictions import assert_equal

PIXELS = np.random.default_rng(5).integers(0, 256, (8, 8, 3), dtype=np.uint8)
RGB = Image.fromarray(PIXELS)


def service(runner: Any) -> lw.Service:
    svc = lw.Service("pictures", runners=[runner])

    @svc.api(input=lw.Image(), output=lw.Prediction())
    async def read(image: Image.Image) -> Any:
        return await runner.predict.async_run(image)

    @svc.api(input={"image": lw.Image("L", as_array=True)}, output=lw.NdArray())
    def grey(image: Any) -> Any:
        image += 0  # it is the function's own
        return image

    @svc.api(input=lw.Image(), output=lw.Image())
    def turned(image: Image.Image) -> Any:
        return np.asarray(image)[:, ::-1]

    @svc.api(input=lw.Image(None), output=lw.Text())
    def mode(image: Image.Image) -> str:
        return image.mode

    return svc


@pytest.fixture(scope="module")
def target(trained: dict[str, Trained]) -> Iterator[str]:
    with lw.serving(service(lw.get("digits").to_runner())) as address:
        yield address


@pytest.fixture(scope="module")
def client(target: str) -> Iterator[Client]:
    with Client(target) as connected:
        yield connected


@pytest.fixture
def png(tmp_path: Path) -> Path:
    path = tmp_path / "image.png"
    RGB.save(path)
    return path


def test_an_image_given_in_any_form_reaches_a_runner_as_it_is(
    png: Path, digits: Trained, client: Client, target: str
) -> None:
    expected = digits.predict(png)

    async def main() -> Any:
        async with AsyncClient(target) as other:
            return await other.call("read", png)

    for given in (png, png.read_bytes(), RGB, PIXELS, PIXELS.tolist(), PIXELS.astype(np.int64)):
        assert_equal(client.call("read", given), expected)
    assert_equal(asyncio.run(main()), expected)


def test_a_function_gets_the_mode_and_the_form_that_it_asks_for(png: Path, client: Client) -> None:
    grey = client.call("grey", inputs={"image": png})
    np.testing.assert_array_equal(grey, np.asarray(RGB.convert("L")))
    assert client.call("mode", RGB.convert("CMYK")) == "CMYK"


def test_an_image_is_answered_as_an_image(png: Path, client: Client) -> None:
    np.testing.assert_array_equal(np.asarray(client.call("turned", png)), PIXELS[:, ::-1])


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (b"no image", "inputs.image.image.data"),
        (b"%PDF-1.4", "inputs.image.image.data"),
        (Path("missing.png"), "inputs.image.image.data"),
        (PIXELS.astype(np.float32), "inputs.image.array.data_type"),
        ([[0, 256], [1, 2]], "inputs.image.array.data_type"),
        ([[0, -1], [1, 2]], "inputs.image.array.data_type"),
        (np.zeros((2, 2, 2), np.uint8), "inputs.image.array.shape"),
        ("image.png", "inputs.image.text"),
    ],
    ids=str,
)
def test_what_is_no_image_is_refused_with_its_path_in_the_message(
    value: Any, field: str, client: Client
) -> None:
    with pytest.raises(InvalidInput) as caught:
        client.call("grey", inputs={"image": value})
    assert [violation.field for violation in caught.value.violations] == [field]


@pytest.mark.parametrize("form", ["array", "list", "PIL", "file"])
def test_the_pixels_of_an_image_are_bounded_by_the_servers_setting(form: str) -> None:
    pixels, file = np.zeros((11, 10), np.uint8), BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    forms: dict[str, Any] = {
        "array": pixels,
        "list": pixels.tolist(),
        "PIL": Image.fromarray(pixels),
        "file": file.getvalue(),
    }
    svc = lw.Service("sizes")

    @svc.api(input=lw.Image(), output=int)
    def width(image: Image.Image) -> int:
        return image.width

    with lw.serving(svc, max_pixels=100) as target, Client(target) as client:
        assert client.call("width", np.zeros((10, 10), np.uint8)) == 10
        with pytest.raises(InvalidInput, match="at most 100 pixels, got 110; --max-pixels"):
            client.call("width", forms[form])


def test_endpoints_tell_that_they_take_images(client: Client) -> None:
    told = {endpoint.name: repr(endpoint) for endpoint in client.endpoints()}
    assert "takes an image (RGB)" in told["read"]
    assert "takes an image" in told["mode"]
    assert "answers an image (RGB)" in told["turned"]


def test_the_command_sends_a_file(png: Path, target: str) -> None:
    command = [sys.executable, "-m", "learnwire_service", "call", "--target", target]
    run = subprocess.run(
        [*command, "grey", f"image=@{png}"], capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == np.asarray(RGB.convert("L")).tolist()
    run = subprocess.run(
        [*command, "turned", f"@{png}"], capture_output=True, text=True, check=True
    )
    turned = np.asarray(Image.open(BytesIO(b64decode(json.loads(run.stdout)["data"]))))
    np.testing.assert_array_equal(turned, PIXELS[:, ::-1])


@pytest.mark.parametrize("mode", ["rgb", "CMYK", ""])
def test_a_mode_that_no_function_takes_is_refused_at_once(mode: str) -> None:
    with pytest.raises(ValueError, match="mode: expected one of RGB, L, RGBA"):
        lw.Image(mode)


def test_a_service_is_tried_with_images_without_a_socket(png: Path, digits: Trained) -> None:
    with service(lw.get("digits").to_runner()).test() as endpoints:
        assert_equal(endpoints.read(png), digits.predict(png))
        np.testing.assert_array_equal(np.asarray(endpoints.turned(RGB)), PIXELS[:, ::-1])
