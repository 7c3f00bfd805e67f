"""What is carried about weighs: the wheel and its extras installed, and archives of models."""

import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import learnwire_service as lw

from .models import Model
from .processes import BenchError

_ROOT = Path(__file__).parents[2]
# As a user names them; "" is the client.
EXTRAS = ("", "serve")


def measure_installations() -> dict[str, float]:
    """Give by extra how far its environment is above an empty one, in 10^6 bytes.

    Raises:
        BenchError: pip cannot install it here.
    """
    return {extra: _installed(extra) for extra in EXTRAS}


def measure_archives(models: Sequence[Model]) -> dict[str, float]:
    """Give by model what the archive of its sealed version weighs, in 10^3 bytes."""
    sizes = dict[str, float]()
    with TemporaryDirectory() as name:
        for model in models:
            archive = Path(name) / f"{model.name}.tar"
            lw.export_model(model.learner.tag, archive, sealed=True)
            sizes[model.name] = archive.stat().st_size / 1e3
    return sizes


def _installed(extra: str) -> float:
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
        return (_bytes(folder) - empty) / 1e6


def _bytes(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files)
