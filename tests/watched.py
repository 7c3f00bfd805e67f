"""A server in processes of its own that is watched: what its log says went wrong, what it holds."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread

import psutil

from tests.bench.processes import tree
from tests.bench.usage import resident

PATIENCE = 120.0
# Whoever measures a server means its calls to wait rather than to be refused.
PATIENT = ("--max-wait", "600")
_MOST_FAULTS = 20
_LOOKS = 0.2
# What tells of a fault outside of our own lines; and what gRPC says of callers who have left.
_SIGNS = ("Error", "exception=", "Check failed", "Fatal", "SIGSEGV")
_HEARD = ("serving", "http listening", "worker serving", "worker died", "files read again")
_NOT_OURS = "lines of libraries"
_HARMLESS = ("Error parsing", "GOAWAY received", "ExecuteBatchError", 'Failed "execute_batch"')


@dataclass(frozen=True)
class Held:
    """What all processes of a server hold together: bytes of memory, open files, threads."""

    resident: int
    files: int
    threads: int

    def __str__(self) -> str:
        return f"{self.resident / 1e6:.0f} MB, {self.files} files, {self.threads} threads"


class Watched:
    """A running server.

    Attributes:
        target: its host:port.
        http_target: that of its HTTP port; "" without one.
        faults: lines of its log that tell of errors, of dead processes, or of traces; not all.
        workers: the numbers of the processes that serve, in the order in which they began.
        told: how often its log told each kind of error, and some other events.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.target = self.http_target = ""
        self.faults: list[str] = []
        self.workers: list[int] = []
        self.told: Counter[str] = Counter()
        self._serves = Event()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def await_serving(self) -> None:
        """Wait until it serves."""
        assert self._serves.wait(PATIENCE), f"it does not serve: {self.faults}"

    def held(self) -> Held:
        """Tell what it holds now."""
        processes = tree(self.process.pid)
        return Held(
            resident(self.process.pid),
            sum(one.num_fds() for one in processes),
            sum(one.num_threads() for one in processes),
        )

    def settled(self, is_fine: Callable[[Held], bool], seconds: float = 60.0) -> Held:
        """Tell what it holds once that is fine, or after so long."""
        end = time.monotonic() + seconds
        while not is_fine(held := self.held()) and time.monotonic() < end:
            time.sleep(_LOOKS)
        return held

    def ended(self) -> int:
        """Have it drain, and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        self.read_to_its_end()
        return code

    def read_to_its_end(self) -> None:
        """Wait until all that it has logged is read."""
        self._reader.join(PATIENCE)

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            is_fault = _is_fault(line)
            if is_fault and len(self.faults) < _MOST_FAULTS:
                self.faults.append(line.strip()[-4000:])
            if is_fault or any(f'"event": "{event}"' in line for event in _HEARD):
                self._hear(**(json.loads(line) if line.startswith("{") else {"event": _NOT_OURS}))

    def _hear(self, event: str, target: str = "", pid: int = 0, **_: object) -> None:
        self.told[event] += 1
        match event:
            case "serving":
                self.target = target
                self._serves.set()
            case "http listening":
                self.http_target = target.removeprefix("http://")
            case "worker serving":
                self.workers.append(pid)
            case "worker died" if pid in self.workers:
                self.workers.remove(pid)


def _is_fault(line: str) -> bool:
    """Tell whether a line of a log tells of a fault; gRPC's own lines are no JSON."""
    if any(one in line for one in _HARMLESS):
        return False
    if line.startswith("{"):
        return '"level": "error"' in line or '"level": "critical"' in line
    return any(sign in line for sign in _SIGNS)


@contextmanager
def watched(*arguments: str, **environment: str) -> Iterator[Watched]:
    """Run `learnwire serve` with these arguments on a free port of loopback, until this ends.

    Args:
        arguments: follow the command.
        environment: variables that it has beside those of this process.
    """
    command = [sys.executable, "-m", "learnwire_service", "serve", *arguments]
    command += ["--port", "0", "--log-format", "json"]
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables)
    with process:
        server = Watched(process)
        try:
            server.await_serving()
            yield server
        finally:
            _end(process)
            server.read_to_its_end()


def _end(process: "subprocess.Popen[str]") -> None:
    left = tree(process.pid) if process.poll() is None else []
    for one in left:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(left, PATIENCE)
    process.wait()
