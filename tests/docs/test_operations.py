"""What docs/operations.md gives to systemd and Kubernetes is what these and the server take."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.end_to_end.test_cli import LEARNWIRE, learnwire
from tests.installing import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
[UNIT] = re.findall(r"^```ini\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PARTS: list[Any] = [
    yaml.safe_load(block)
    for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
]


def commands(part: Any) -> list[list[str]]:
    """Find the commands of containers and probes, however deep."""
    if isinstance(part, list):
        return [one for each in part for one in commands(each)]
    if not isinstance(part, dict):
        return []
    own = [part["command"]] if "command" in part else []
    return own + [one for each in part.values() for one in commands(each)]


def flags(text: str) -> set[str]:
    return set(re.findall(r"--[a-z][a-z-]+", text))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_the_unit_is_one_of_systemd(tmp_path: Path) -> None:
    unit = tmp_path / "learnwire.service"
    unit.write_text(UNIT.replace("/opt/learnwire/bin/learnwire", LEARNWIRE))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_commands_are_those_of_the_command_line() -> None:
    [start] = re.findall(r"^ExecStart=/opt/learnwire/bin/(.*)$", UNIT, re.MULTILINE)
    told = [start.split(), *commands(PARTS)]
    assert len(told) > 2
    known = {name: flags(learnwire(name, "--help").stdout) for name in ("serve", "health")}
    assert all(
        program == "learnwire" and flags(" ".join(rest)) <= known[name]
        for program, name, *rest in told
    )
