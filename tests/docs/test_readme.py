"""The README: short, and its Python runs where it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
OUTPUT = re.search(r"^```\n(SingleLabel.*?)^```$", README, re.MULTILINE | re.DOTALL)
BEFORE = """
from examples.demo import data, learners
learner = learners.train_penguins(data.penguins(), epochs=1)
row = data.penguins().iloc[0].drop(["species", "valid"])
"""


def test_it_can_be_read_in_some_minutes() -> None:
    # The bars of tables are no words.
    assert len(re.findall(r"[^\s|]+", README)) <= 700


@pytest.mark.slow
def test_a_learner_is_saved_served_and_asked_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEARNWIRE_HOME", str(tmp_path))
    program = BEFORE + SNIPPETS[0]
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert OUTPUT is not None
    likeness = re.compile(r"0\.\d+|(?<=penguins:)\w+")
    assert likeness.sub("?", run.stdout) == likeness.sub("?", OUTPUT[1])
