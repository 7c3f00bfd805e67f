"""What happens to a log line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WRITE = """
from learnwire_service.common import logs

logs.configure("json", worker=7)
logs.get_logger().info("call", ms=1.5)
print("on it goes", flush=True)
"""


def test_it_is_one_line_of_json_on_stderr() -> None:
    run = subprocess.run([sys.executable, "-c", WRITE], capture_output=True, text=True, check=True)
    [line] = run.stderr.splitlines()
    facts = json.loads(line)
    assert (facts["event"], facts["ms"], facts["worker"]) == ("call", 1.5, 7)


WARN = """
import warnings
from learnwire_service.common import logs

logs.configure("json", worker=7)
warnings.warn("it is old\\nand slow", UserWarning)
"""


def test_what_a_library_warns_of_is_a_line_too() -> None:
    run = subprocess.run([sys.executable, "-c", WARN], capture_output=True, text=True, check=True)
    [line] = run.stderr.splitlines()
    facts = json.loads(line)
    assert (facts["level"], facts["problem"]) == ("warning", "it is old\nand slow")
    assert (facts["category"], facts["at"], facts["worker"]) == ("UserWarning", "<string>:6", 7)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk at hand")
def test_a_full_disk_ends_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", WRITE]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert run.stdout == "on it goes\n"


def test_a_reader_who_has_gone_ends_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", WRITE]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=writer, text=True, check=False)
    os.close(writer)
    assert run.stdout == "on it goes\n"
