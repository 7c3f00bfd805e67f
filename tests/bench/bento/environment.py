"""BentoML's environment, apart from the project's: made once, and asked from outside."""

import os
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

from ..models import CACHE, Learner, recipe
from ..processes import BenchError
from ..servers import Program

VERSION = "1.4.39"

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]
_FOLDER = CACHE / "bentoml"
_PYTHON = _FOLDER / "bin" / "python"
_READY = _FOLDER / f".ready-{VERSION}"
_PACKAGES = (f"bentoml=={VERSION}", "fastai", "torch", "torchvision", "pandas", "pyarrow")
# Of these it takes only older ones than the project's.
_OLDER = ("opentelemetry", "wrapt")
# What it would choose by itself on a machine of one core.
_OPTIONS = "api_server.workers=1 runners.resources.cpu=1"
_ENVIRONMENT = {
    "BENTOML_HOME": str(CACHE / "bentoml-home"),
    "BENTOML_DO_NOT_TRACK": "True",
    "BENTOML_CONFIG_OPTIONS": _OPTIONS,
}


def install() -> None:
    """Make the environment unless it is there, with the project's versions of all they share.

    Raises:
        BenchError: pip cannot install it here.
    """
    if _READY.exists():
        return
    venv.create(_FOLDER, with_pip=True, clear=True)
    constraints = _FOLDER / "constraints.txt"
    pins = (_ROOT / "constraints.txt").read_text().splitlines(keepends=True)
    constraints.write_text("".join(pin for pin in pins if not pin.startswith(_OLDER)))
    pip = ("-m", "pip", "install", "--disable-pip-version-check", "-c", str(constraints))
    run([*pip, *_PACKAGES])
    _READY.touch()


def save(learners: Sequence[Learner]) -> None:
    """Save fastai's exports in BentoML's store, unless those of the same recipe are there.

    Raises:
        BenchError: it refuses one.
    """
    for learner in learners:
        run([str(_HERE / "save.py"), learner.tag, str(learner.export), recipe()])


def program() -> Program:
    """Give the program that serves the models that were saved."""
    command = (str(_PYTHON), "-m", "bentoml", "serve", "--working-dir", str(_HERE))
    # The option --port comes last, as with all programs.
    return Program(
        "bentoml", (*command, "service:svc", "--host", "127.0.0.1"), "http", _ENVIRONMENT
    )


def run(arguments: Sequence[str], home: Path = CACHE / "bentoml-home") -> str:
    """Run BentoML's Python, and give what it prints.

    Args:
        arguments: of the interpreter.
        home: BentoML's, with the store of its models.

    Raises:
        BenchError: it fails.
    """
    done = subprocess.run(
        [str(_PYTHON), *arguments],
        env={**os.environ, **_ENVIRONMENT, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        *_, last = (done.stderr.strip() or "no reason given").splitlines()
        raise BenchError(f"BentoML {VERSION} cannot be used here: {last}")
    return done.stdout
