"""Tools of others that a build runs, each in a process of its own."""

import os
import subprocess
import sys
from importlib.util import find_spec

from ..common.errors import BuildFailed, ToolMissing

# The first second that an archive of the zip format can tell: bytes do not depend on the clock.
_EPOCH = "315532800"
_MOST_LINES = 5


def run(module: str, *arguments: object, saying: str = "") -> str:
    """Run a module of Python's as a command, and give what it prints.

    Args:
        module: its name, as after `python -m`.
        arguments: what follows.
        saying: what is told in front of what it says when it fails.

    Raises:
        ToolMissing: it is not installed.
        BuildFailed: it failed; the message is what it said last.
    """
    if find_spec(module) is None:
        raise ToolMissing(f"learnwire build needs {module}: pip install 'learnwire[build]'")
    done = subprocess.run(  # noqa: S603 - the tools are those of this environment
        [sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH, "PYTHONHASHSEED": "0"},
    )
    if done.returncode:
        raise BuildFailed(f"{saying or module}: {_last_of(done.stderr)}")
    return done.stdout


def _last_of(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return " ".join((errors or lines)[:_MOST_LINES]) or "it failed without a word"
