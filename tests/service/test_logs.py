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


OTHERS = """
import logging
from learnwire_service.common import logs

logs.configure("json", "warning", worker=7)
logs.get_logger().info("not told")
theirs = logging.getLogger("exporter")
theirs.info("not told")
theirs.warning("%s is slow\\nand old", "it")
try:
    raise ValueError("gone")
except ValueError:
    theirs.exception("it failed %d")
"""


def test_what_libraries_log_has_the_same_form() -> None:
    run = subprocess.run([sys.executable, "-c", OTHERS], capture_output=True, text=True, check=True)
    slow, failed = map(json.loads, run.stderr.splitlines())
    assert (slow["event"], slow["level"]) == ("it is slow\nand old", "warning")
    assert (slow["logger"], slow["worker"]) == ("exporter", 7)
    assert (failed["event"], failed["level"]) == ("it failed %d", "error")
    assert "ValueError: gone" in failed["exception"]


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


FORGE = """
import sys
from learnwire_service.common import logs

logs.configure(sys.argv[1])
forged = "penguins\\n2026-01-01T00:00:00Z [info] logged in \\x1b[5;95m\\r\\x9b2J\\u2028\\u202e"
log = logs.get_logger()
log.warning(forged, model=forged, models=[forged], told={forged: forged})
try:
    raise ValueError(forged)
except ValueError:
    log.exception("it failed")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_text_begins_a_line_of_its_own_or_moves_the_terminal(log_format: str) -> None:
    command = [sys.executable, "-c", FORGE, log_format]
    run = subprocess.run(command, capture_output=True, check=True)
    lines = run.stderr.decode().split("\n")[:-1]
    assert len(lines) == 2 or log_format == "console"
    # The console itself writes colours.
    own = {"\x1b"} if log_format == "console" else set()
    assert {one for one in "".join(lines) if not one.isprintable()} <= own
    assert b"\x1b[5;95m" not in run.stderr
    assert not any(line.startswith("2026-01-01") for line in lines)
    events = [line for line in lines if not line.startswith("    ")]
    assert len(events) == 2
    assert "it failed" in events[1]
