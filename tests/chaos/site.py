"""Where faults are injected: a server, its workers, disk, certificates and clock, and a proxy."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme
from learnwire_client import ChannelOptions

from tests.certificates import HERE, Files, trusting
from tests.client.relay import Relay, relay_to
from tests.watched import Watched, watched

from .checker import Checker
from .models import MODEL, VERSIONS
from .rules import HANG

WORKERS = 3
MODEL_TIMEOUT = 3
_DISK_BYTES = 32 * 2**20
_LIBRARY = "libfaketimeMT.so.1"
_LIBRARIES = ("/usr/lib", "/usr/local/lib")


@dataclass
class Site:
    """What faults are injected into.

    Attributes:
        server: the server; its target speaks TLS.
        relay: a proxy in front of it.
        checker: of its calls, whom changes of the version are told.
        authority: issues its certificates.
        certificate: its files.
        disk: its store and what its workers count lie below.
        disk_problem: why that cannot be filled, "" where it can.
        hang: a file that makes the runner of a service hang.
        version: which version serves.
        clock: a file that says by how much the server's clock is wrong.
        clock_problem: why nobody reads that, "" where the server does.
    """

    server: Watched
    relay: Relay
    checker: Checker
    authority: trustme.CA
    certificate: Files
    disk: Path
    disk_problem: str
    hang: Path
    clock: Path
    clock_problem: str
    version: str = VERSIONS[0]

    @property
    def options(self) -> ChannelOptions:
        """How to reach the server."""
        return trusting(self.authority, retries=3)

    def is_whole(self) -> bool:
        """Tell whether all workers serve."""
        return len(self.server.workers) == WORKERS


@contextmanager
def site(store: Path, checker: Checker) -> Iterator[Site]:
    """Serve a copy of a store, with a service that can hang, until this ends."""
    with TemporaryDirectory(prefix="chaos-") as name, _disk(Path(name) / "disk") as problem:
        folder = Path(name)
        disk, hang, clock = (folder / one for one in ("disk", "hang", "clock"))
        shutil.copytree(store, disk / "store")
        (disk / "counts").mkdir()
        authority, certificate = trustme.CA(), Files(folder)
        certificate.keep(authority.issue_cert(*HERE))
        environment = {
            "LEARNWIRE_HOME": str(disk / "store"),
            "LEARNWIRE_CACHE": str(disk / "cache"),
            "TMPDIR": str(disk / "counts"),
            HANG: str(hang),
        }
        clock.write_text("+0\n")
        wrong_clock = _faketime(clock)
        if not (clock_problem := _problem_with(wrong_clock)):
            environment |= wrong_clock
        arguments = [f"{MODEL}:{VERSIONS[0]}", "tests/chaos/rules.py:svc", *certificate.flags()]
        arguments += ["--workers", str(WORKERS), "--model-timeout", str(MODEL_TIMEOUT)]
        arguments += ["--log-sample", "0"]
        with watched(*arguments, **environment) as server, relay_to(server.target) as relay:
            checker.announced = VERSIONS[0]
            yield Site(
                server,
                relay,
                checker,
                authority,
                certificate,
                disk,
                problem,
                hang,
                clock,
                clock_problem,
            )


@contextmanager
def _disk(place: Path) -> Iterator[str]:
    """Mount a small tmpfs, where that is allowed, and tell why not where it is not."""
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    except OSError as error:
        yield str(error)
        return
    if mounted.returncode:
        yield f"mount: {mounted.stderr.strip()}"
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _faketime(clock: Path) -> dict[str, str]:
    """Give the variables that make a process's clock as wrong as a file says; none: cannot be."""
    found = (path for place in _LIBRARIES for path in Path(place).glob(f"*/faketime/{_LIBRARY}"))
    library = os.environ.get("LIBFAKETIME") or next(map(str, found), "")
    variables = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    return variables if library else {}


def _problem_with(wrong_clock: dict[str, str]) -> str:
    """Tell why a server cannot run with such a clock, "" where it can."""
    if not wrong_clock:
        return "libfaketime is not installed"
    command = [sys.executable, "-c", "import time; time.sleep(0.001)"]
    tried = subprocess.run(
        command, env={**os.environ, **wrong_clock}, capture_output=True, text=True, check=False
    )
    if tried.returncode == 0:
        return ""
    return f"with this libfaketime Python's own time.sleep fails: {tried.stderr.splitlines()[-1]}"
