"""The commands of docs/clients.md print what the page says."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.docs.test_http import shape
from tests.installing import ROOT

PAGE = (ROOT / "docs" / "clients.md").read_text()
FILES = re.compile(r"^\$ cat (\S+)\n(.*?)\n(?=\$ )", re.MULTILINE | re.DOTALL)
GRPCURL = re.compile(r"^\$ (grpcurl (?:.*\\\n)*.*)\n((?:(?!```|\$ ).*\n)+)", re.MULTILINE)


def without_zeros(told: Any) -> Any:
    """Leave out what grpcurl does where it is zero."""
    if not isinstance(told, dict):
        return told
    return {name: without_zeros(one) for name, one in told.items() if name != "index"}


def test_the_commands_print_what_the_page_says(target: str, tmp_path: Path) -> None:
    for name, content in FILES.findall(PAGE):
        (tmp_path / name).write_text(content)
    commands = GRPCURL.findall(PAGE)
    assert len(commands) == PAGE.count("$ grpcurl")
    for command, printed in commands:
        done = subprocess.run(
            command.replace("localhost:50051", target),
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        found, told = json.loads(done.stdout), json.loads(printed)
        assert shape(without_zeros(found)) == shape(without_zeros(told)), command
