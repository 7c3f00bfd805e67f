"""How far what takes seconds is, as a terminal shows it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

STAGES = """
from learnwire_service.common.stages import stages

with stages(2) as stage:
    stage("pets", "exporting [it]")
    input()
    with stages(1) as within:
        within("shop", "loading it")
        stage("pets", "sealing it")
        input()
"""
SAVE = """
import learnwire_service as lw
import numpy as np
from torch import nn

class Waits(nn.Flatten):
    def __setstate__(self, state):
        input()
        super().__setstate__(state)

lw.save_torch_model("waits", Waits(), example=np.ones((2, 3), np.float32))
"""
COMMAND = [sys.executable, "-c", STAGES]


def read_until(terminal: int, text: str) -> str:
    read = ""
    while text not in read:
        read += os.read(terminal, 4096).decode()
    return read


def test_a_terminal_shows_each_stage_and_none_of_those_within() -> None:
    terminal, its_other_end = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stderr=its_other_end, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        os.close(its_other_end)
        read = read_until(terminal, "pets, 1 of 2: exporting [it]")
        print(file=process.stdin, flush=True)
        read += read_until(terminal, "pets, 2 of 2: sealing it")
        print(file=process.stdin, flush=True)
    os.close(terminal)
    assert process.returncode == 0
    assert "shop" not in read


@pytest.mark.timeout(60)
def test_the_save_of_a_torch_module_has_stages(home: Path) -> None:
    terminal, its_other_end = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    command = [sys.executable, "-c", SAVE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=its_other_end, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        os.close(its_other_end)
        read_until(terminal, "waits, 2 of 3: asking what was written its examples")
        process.communicate("\n" * 9)
    os.close(terminal)
    assert process.returncode == 0


def test_where_nobody_looks_on_nothing_is_shown() -> None:
    done = subprocess.run(COMMAND, input="\n\n", capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
