"""The program that docs/open-inference.md begins with, run as it stands there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.foreign.conftest import ROOT, python_of

pytestmark = pytest.mark.system

PAGE = (ROOT / "docs" / "open-inference.md").read_text()
SHOWN = re.compile(
    r"^\$ cat ask\.py\n(.*?)^\$ pip install .* && python ask\.py\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# What differs from model to model.
VARIES = re.compile(r"positive|negative|\d\.\d+(?:e-\d+)?|\s+")


def test_the_page_begins_with_a_program_that_prints_what_it_says(
    target: str, tmp_path: Path
) -> None:
    [(program, printed)] = SHOWN.findall(PAGE)
    file = tmp_path / "ask.py"
    file.write_text(program.replace("localhost:50051", target))
    done = subprocess.run(
        [python_of("triton-protobuf6"), file], capture_output=True, text=True, check=True
    )
    assert VARIES.sub("", done.stdout) == VARIES.sub("", printed)
