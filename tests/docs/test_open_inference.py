"""The commands of docs/open-inference.md print what the page says."""

import json
import re
import subprocess
from typing import Any

from tests.conftest import Trained
from tests.end_to_end.web import web_serving
from tests.installing import ROOT

PAGE = (ROOT / "docs" / "open-inference.md").read_text()
CURL = re.compile(r"^\$ (curl .*(?:\n  .*)*)\n(\{.*\})$", re.MULTILINE)
LABELS = {"Adelie", "Chinstrap", "Gentoo", "positive", "negative"}


def without_values(told: Any) -> Any:
    """Leave out what differs from model to model."""
    if isinstance(told, dict):
        return {name: without_values(one) for name, one in told.items() if name != "model_version"}
    if isinstance(told, list):
        return [without_values(one) for one in told if not isinstance(one, float)]
    return "label" if told in LABELS else told


def test_the_commands_print_what_the_page_says(trained: dict[str, Trained]) -> None:
    commands = CURL.findall(PAGE)
    assert len(commands) == PAGE.count("$ curl")
    with web_serving(*trained) as (_, http):
        for command, printed in commands:
            here = command.replace("localhost:8080", f"127.0.0.1:{http.base_url.port}")
            done = subprocess.run(here, shell=True, capture_output=True, text=True, check=True)
            told = json.loads(printed.replace("[…]", "[0.5]"))
            found = json.loads(done.stdout)
            if "parameters" in found:
                # How a small model answers, and whether it knows the island, is left to it.
                assert told["parameters"]["warnings"] in found["parameters"]["warnings"]
                found["parameters"] = told["parameters"]
            indices = [one for one in found.get("outputs", []) if one["name"] == "index"]
            for one in indices:
                one["data"] = [1]
            assert without_values(found) == without_values(told), command
