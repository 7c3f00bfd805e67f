"""The commands of the demo, run as a person would type them, and shown."""

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich

from ..demo.errors import DemoError

LEARNWIRE = Path(sysconfig.get_path("scripts")) / "learnwire"


def run(*arguments: object) -> str:
    """Run `learnwire`, and give what it prints.

    Raises:
        DemoError: it failed.
    """
    done = _done(*arguments)
    if done.returncode:
        raise DemoError(f"learnwire {arguments[0]} failed:\n{done.stderr.strip()}")
    return done.stdout.strip()


def refused(*arguments: object) -> str:
    """Run `learnwire`, which must fail, and give the line with which it does.

    Raises:
        DemoError: it did not fail.
    """
    done = _done(*arguments)
    if not done.returncode:
        raise DemoError(f"learnwire {arguments[0]} should have been refused")
    return done.stderr.strip().splitlines()[-1]


@contextmanager
def served(*arguments: object) -> Iterator[str]:
    """Run `learnwire serve`, give the target once all is SERVING, and end it."""
    command = _shown("serve", *arguments)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield _target(server)
        finally:
            server.terminate()


def _done(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(_shown(*arguments), capture_output=True, text=True, timeout=120)


def _shown(*arguments: object) -> list[str]:
    words = list(map(str, arguments))
    names = [Path(word).name if word.startswith("/") else word for word in words]
    rich.print(f"[dim]$ learnwire {' '.join(names)}[/]")
    return [str(LEARNWIRE), *words]


def _target(server: "subprocess.Popen[str]") -> str:
    assert server.stderr is not None
    said = ""
    for line in server.stderr:
        said = line
        event: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "serving":
            return str(event["target"])
    raise DemoError(f"the server does not start: {said.strip()}")
