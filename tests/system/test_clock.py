"""What counts the last items, while the wall clock jumps."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.site import wrong_clock_by

pytestmark = pytest.mark.system

PROGRAM = """
import struct, sys, time
import numpy as np
from learnwire_service.observe.window import ITEMS, Window

window = Window("any", 1)
before = time.time()
for _ in range(10):
    window.add(ITEMS // 10, np.ones(1))
with open(sys.argv[1], "r+b") as clock:
    clock.write(struct.pack("q", -3600))
assert time.time() < before - 3000
for _ in range(10):
    window.add(ITEMS // 10, np.zeros(1))
print(window.read()[1].tolist())
"""


def test_drift_is_told_of_the_last_items_though_the_clock_was_put_back(tmp_path: Path) -> None:
    wrong_clock, problem = wrong_clock_by(clock := tmp_path / "clock")
    assert not problem, f"{problem}; on Debian: apt-get install gcc libc6-dev"
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(clock)]
    environment = {**os.environ, **wrong_clock}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[0.0]\n"
