"""Where faults are injected: a server, its workers, disk, certificates and clock, and a proxy."""

import shutil
import struct
import subprocess
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
_CLOCK = Path(__file__).with_name("clock.c")


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
        clock: a file that says by how much the server's clock is wrong; see `set_clock`.
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


def set_clock(clock: Path, seconds: int) -> None:
    """Have the wall clock of whoever reads that file be wrong by so many seconds."""
    # In its place, since they have it mapped.
    with clock.open("r+b" if clock.exists() else "wb") as file:
        file.write(struct.pack("q", seconds))


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
        wrong_clock, clock_problem = wrong_clock_by(clock)
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


def wrong_clock_by(clock: Path) -> tuple[dict[str, str], str]:
    """Give the variables that make a process's clock as wrong as a file says, or why it cannot be.

    libfaketime 0.9.10, which Debian 12 has, makes Python's own time.sleep fail.
    """
    set_clock(clock, 0)
    library = clock.with_suffix(".so")
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_CLOCK), "-ldl"]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except OSError as error:
        return {}, str(error)
    except subprocess.CalledProcessError as error:
        return {}, f"cc: {error.stderr.strip()}"
    return {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(clock)}, ""
