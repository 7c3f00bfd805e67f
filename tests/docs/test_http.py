"""The commands of docs/http.md print what the page says."""

import json
import re
import subprocess
from typing import Any

from tests.conftest import Trained
from tests.end_to_end.web import web_serving
from tests.installing import ROOT

PAGE = (ROOT / "docs" / "http.md").read_text()
CURL = re.compile(r"^\$ (curl (?:.*\\\n)*.*(?:\n  .*)*)\n(\{.*\})$", re.MULTILINE)


def shape(told: Any) -> Any:
    """Give what does not differ from model to model."""
    if isinstance(told, dict):
        return {name: shape(one) for name, one in told.items()}
    return [shape(one) for one in told[:1]] if isinstance(told, list) else type(told)


def as_json(printed: str) -> Any:
    """Read what the page prints, with what it leaves out."""
    return json.loads(printed.replace("[…]", "[0.5]"))


def test_the_commands_print_what_the_page_says(trained: dict[str, Trained]) -> None:
    commands = CURL.findall(PAGE)
    assert len(commands) == PAGE.count("$ curl")
    with web_serving("sentiment", "penguins") as (_, http):
        for command, printed in commands:
            here = command.replace("localhost:8080", f"127.0.0.1:{http.base_url.port}")
            done = subprocess.run(
                here.replace("curl", "curl -sS", 1),
                shell=True,
                capture_output=True,
                text=True,
                check=True,
            )
            found, told = json.loads(done.stdout), as_json(printed)
            if "code" in told:
                found["details"] = told["details"] = []
                assert found == told
            found["warnings"] = told["warnings"] = []
            assert shape(found) == shape(told), command
