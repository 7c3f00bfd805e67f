"""The environments that other people's clients live in; `make interop` makes them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "clients"

# Runs a client's program in an environment, and gives the JSON that it prints.
Run = Callable[..., Any]


def python_of(environment: str) -> Path:
    """Find the Python of an environment by its name."""
    python = ROOT / ".build" / "interop" / environment / "bin" / "python"
    if not python.exists():
        pytest.skip(f"there is no environment with {environment}: make interop")
    return python


@pytest.fixture(scope="session")
def run_in() -> Run:
    """Run a program of `clients` in an environment by its name."""

    def run(environment: str, program: str, *arguments: object) -> Any:
        done = subprocess.run(
            [python_of(environment), "-W", "ignore", PROGRAMS / program, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run
