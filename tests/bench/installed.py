"""What is carried about: the wheel and its extras installed, a server of these, and archives."""

import subprocess
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import learnwire_service as lw

from . import load
from .models import Model
from .processes import BenchError
from .servers import Program, started

# What goes into an image above its base; the image itself cannot be built on every machine.
IMAGE = "serve,http"
# As a user names them; "" is the client.
EXTRAS = ("", "serve", IMAGE)

_ROOT = Path(__file__).parents[2]
_STARTS = 5


@dataclass(frozen=True)
class Installed:
    """Learnwire in an environment of its own.

    Attributes:
        megabytes: how far it is above an empty one, in 10^6 bytes.
        seconds: from the start of its server to the first answer, of each start; only for what
            goes into an image.
    """

    megabytes: float
    seconds: list[float]


def measure_installations(model: Model) -> dict[str, Installed]:
    """Install each extra in an environment of its own, and have the image's answer for a model.

    Raises:
        BenchError: pip cannot install it here, or it does not serve.
    """
    return {extra: _installed(extra, model) for extra in EXTRAS}


def measure_archives(models: Sequence[Model]) -> dict[str, float]:
    """Give by model what the archive of its sealed version weighs, in 10^3 bytes."""
    sizes = dict[str, float]()
    with TemporaryDirectory() as name:
        for model in models:
            archive = Path(name) / f"{model.name}.tar"
            lw.export_model(model.learner.tag, archive, sealed=True)
            sizes[model.name] = archive.stat().st_size / 1e3
    return sizes


def _installed(extra: str, model: Model) -> Installed:
    with TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder, with_pip=True)
        empty = _bytes(folder)
        what = f"{_ROOT}[{extra}]" if extra else str(_ROOT)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", what]
        done = subprocess.run(
            [*pip, "--disable-pip-version-check", "-c", str(_ROOT / "constraints.txt")],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"pip cannot install learnwire[{extra}]: {done.stderr[-500:]}")
        megabytes = (_bytes(folder) - empty) / 1e6
        return Installed(megabytes, _first_answers(folder, model) if extra == IMAGE else [])


def _first_answers(environment: Path, model: Model) -> list[float]:
    """Start a server over and over, after one start that only fills the system's caches."""
    command = (str(environment / "bin" / "learnwire"), "serve", model.tag, "--sealed-only")
    # Nothing of a checkout is to be found in its place.
    program = Program("installed", command, environment={"PYTHONPATH": ""})
    seconds = list[float]()
    for _ in range(_STARTS + 1):
        with started(program, None) as served:
            begin = time.perf_counter()
            load.predictions(served, model, 1)
            seconds.append(served.seconds + time.perf_counter() - begin)
    return seconds[1:]


def _bytes(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files)
