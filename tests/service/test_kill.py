"""`kill -9` at any step of a save or a sealing leaves each version whole or absent."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from . import killed_saver
from .small_learners import shop_learner

ROOT = Path(__file__).parents[2]
# What makes a version appear: its directory moves from the staging into the store.
PUBLISHED = re.compile(r"os\.rename /staging/\w+ /models/m/\w+$")
STAGES = {
    "save": [
        "os.mkdir /staging/",
        killed_saver.HALFWAY,
        "golden.json",
        "manifest.json",
        PUBLISHED.pattern,
        r"shutil\.rmtree /staging/\w+$",
    ],
    "seal": [
        "os.mkdir /staging/",
        r"open /staging/\w+/network.onnx w",
        r"open /staging/\w+/recipe.json w",
        r"shutil.copyfile /models/m/old/learner.pkl",
        r"os.remove /staging/\w+/learner.pkl",
        r"open /staging/\w+/manifest.json w",
        PUBLISHED.pattern,
        r"shutil\.rmtree /staging/\w+$",
    ],
}
# Some eighty saves and sealings, one after the other.
pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=STAGES)
def road(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def reports(road: str, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Kill a maker at its first step, its second, and so on; the last one lives to its end."""
    folder = tmp_path_factory.mktemp("killed")
    shop_learner().export(folder / "learner.pkl")
    command = [
        sys.executable,
        "-m",
        killed_saver.__name__,
        road,
        str(folder / "learner.pkl"),
        str(folder),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_the_kills_hit_every_stage(road: str, reports: list[dict[str, Any]]) -> None:
    events = [report["event"] for report in reports]
    after = 0
    for stage in STAGES[road]:
        hits = [i for i, each in enumerate(events) if i >= after and re.search(stage, each)]
        assert hits, f"no {stage} behind step {after}"
        after = hits[0] + 1
    assert len(events) > 20
    assert events.index("") == len(events) - 1


def test_a_killed_maker_leaves_its_version_whole_or_absent(reports: list[dict[str, Any]]) -> None:
    renamed = next(i for i, report in enumerate(reports) if PUBLISHED.match(report["event"]))
    for i, report in enumerate(reports):
        assert report["whole"] == (["new", "old"] if i > renamed else ["old"]), report["event"]


def test_the_next_save_clears_what_a_killed_one_left(reports: list[dict[str, Any]]) -> None:
    assert any(report["debris"] for report in reports)
    for report in reports:
        assert report["debris_after_next"] == [], report["event"]
        assert report["whole_after_next"] == sorted([*report["whole"], "next"]), report["event"]
