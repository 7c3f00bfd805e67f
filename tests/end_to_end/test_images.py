"""Images as people have them, in process and over the wire, as `learner.predict` answers them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
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
from tests.service import small_networks as networks

PIXELS = np.random.default_rng(3).integers(0, 256, (18, 25, 3), dtype=np.uint8)
RGB = Image.fromarray(PIXELS)


@pytest.fixture(scope="module")
def photos() -> Iterator[Trained]:
    """A classifier of colour images."""
    trained = Trained("photos", networks.image_learner(), [])
    lw.save_model("photos", trained.learner)
    yield trained
    lw.delete_model("photos")


@dataclass(frozen=True)
class Models:
    """The models, in this process and behind a server."""

    oracles: dict[str, Trained]
    runners: dict[str, Any]
    target: str
    client: Client

    def check(self, name: str, given: Any, as_opened: Any) -> None:
        """Compare the answers to an image with the learner's to what a file of it holds."""
        expected = self.oracles[name].predict(as_opened)
        assert_equal(self.runners[name].predict.run(given), expected)
        assert_equal(self.client.predict(name, given), expected)


@pytest.fixture(scope="module")
def models(photos: Trained, digits: Trained, trained: object) -> Iterator[Models]:
    oracles = {"photos": photos, "digits": digits}
    runners = {name: lw.get(name).to_runner() for name in oracles}
    with lw.serving(*oracles) as target, Client(target, timeout=120) as client:
        yield Models(oracles, runners, target, client)


def file_of(image: Image.Image, folder: Path, kind: str, **options: Any) -> Path:
    path = folder / f"image.{kind}"
    image.save(path, **options)
    return path


def rotated() -> Image.Exif:
    """Say that a camera was held sideways, which `learner.predict` does not look at."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize("name", ["photos", "digits"])
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "bmp", "gif"])
def test_files_and_what_is_read_or_opened_of_them(
    kind: str, name: str, models: Models, tmp_path: Path
) -> None:
    path = file_of(RGB, tmp_path, kind)
    with Image.open(path) as opened:
        for given in (path, path.read_bytes(), opened):
            models.check(name, given, path)


@pytest.mark.parametrize("name", ["photos", "digits"])
@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_cameras_orientation_is_left_as_the_learner_leaves_it(
    kind: str, name: str, models: Models, tmp_path: Path
) -> None:
    path = file_of(RGB, tmp_path, kind, exif=rotated())
    with Image.open(path) as opened:
        for given in (path, path.read_bytes(), opened):
            models.check(name, given, path)


@pytest.mark.parametrize("name", ["photos", "digits"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "YCbCr"])
def test_a_pil_image_of_any_mode_is_answered_as_its_file_is(
    mode: str, name: str, models: Models
) -> None:
    wide = PIXELS[..., 0].astype(np.uint16) * 3
    image = Image.fromarray(wide) if mode == "I;16" else RGB.convert(mode)
    file = BytesIO()
    image.save(file, "TIFF")
    models.check(name, image, file.getvalue())


@pytest.mark.parametrize("kind", ["array", "tensor", "list", "fastai"])
def test_pixels_in_any_form(kind: str, models: Models) -> None:
    import torch
    from fastai.vision.core import PILImage

    forms = {"array": PIXELS, "tensor": torch.tensor(PIXELS), "list": PIXELS.tolist()}
    models.check("photos", forms.get(kind, PILImage.create(PIXELS)), PIXELS)


def test_both_clients_take_paths_in_bulk_and_tell_those_that_are_none(
    models: Models, tmp_path: Path
) -> None:
    good, broken = file_of(RGB, tmp_path, "png"), tmp_path / "broken.png"
    broken.write_bytes(good.read_bytes()[:200])
    paths = [good, tmp_path / "missing.png", broken, good]

    async def main() -> list[Any]:
        async with AsyncClient(models.target) as other:
            return [answer async for answer in other.predict_stream("photos", paths)]

    for answers in (list(models.client.predict_many("photos", paths)), asyncio.run(main())):
        assert [isinstance(answer, InvalidInput) for answer in answers] == [
            False,
            True,
            True,
            False,
        ]
        assert "missing.png" in str(answers[1])
        assert "does not decode" in str(answers[2])
        assert_equal(answers[3], models.oracles["photos"].predict(good))


@pytest.mark.parametrize("value", [str(Path(__file__)), "image.png"])
def test_a_str_is_no_image_and_the_error_tells_what_is(value: str, models: Models) -> None:
    with pytest.raises(lw.InvalidInput, match=r"got a text.*Path\("):
        models.runners["photos"].predict.run(value)
    with pytest.raises(InvalidInput, match=r"got a text.*Path\("):
        models.client.predict("photos", value)


@pytest.mark.parametrize("value", [Path("missing.png"), b"no image", Image.new("LAB", (0, 0))])
def test_what_is_no_image_is_refused_in_process_too(value: Any, models: Models) -> None:
    with pytest.raises(lw.InvalidInput, match="array"):
        models.runners["photos"].predict.run(value)
