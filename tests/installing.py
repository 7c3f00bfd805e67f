"""Learnwire as it is released, installed in fresh environments that the tests of a run share."""

import subprocess
import sys
from pathlib import Path

from tests.once import once

ROOT = Path(__file__).parents[1]


def run(*command: str | Path) -> str:
    """Run a command that is to end well, and give what it prints."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(shared: Path) -> Path:
    """Build the wheel as `make dist` does."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]

    def make(folder: Path) -> None:
        command = [*map(str, build), str(folder)]
        subprocess.run(command, cwd=ROOT, capture_output=True, check=True)

    [wheel] = once(shared / "dist", make).glob("*.whl")
    return wheel


def installed(shared: Path, extras: str = "", *more: str) -> Path:
    """Install the wheel with some extras in an environment of its own.

    Args:
        shared: a folder of this run.
        extras: what stands in the brackets, such as "pandas,progress".
        more: what else is asked of pip.

    Returns: the environment's folder of commands.
    """
    name = "-".join(["venv", extras.replace(",", "-"), *(one.strip("=*") for one in more)])
    wheel = f"{built(shared)}[{extras}]" if extras else str(built(shared))
    return environment(shared, name, wheel, *more)


def environment(shared: Path, name: str, *packages: str) -> Path:
    """Install packages in an environment of their own.

    Args:
        shared: a folder of this run.
        name: the environment's.
        packages: as pip takes them.

    Returns: the environment's folder of commands.
    """
    place = shared / name

    def make(done: Path) -> None:
        run(sys.executable, "-m", "venv", place)
        pip = (place / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
        run(*pip, "install", "--quiet", "--no-compile", *packages)
        done.touch()

    once(shared / f"{name}.done", make)
    return place / "bin"
