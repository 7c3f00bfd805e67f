"""How far what takes seconds is, as a terminal shows it."""

import os
import subprocess
import sys

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


def test_where_nobody_looks_on_nothing_is_shown() -> None:
    done = subprocess.run(COMMAND, input="\n\n", capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
