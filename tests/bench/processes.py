"""Processes of their own, each held to one core and one thread."""

import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

_SECONDS_TO_START = 300
_SERVING = health_pb2.HealthCheckResponse.SERVING


class BenchError(Exception):
    """Raised when something cannot be measured; the message says what and why."""


@dataclass(frozen=True)
class Cores:
    """Which core the contenders get, and which the client; None where none can be chosen."""

    contenders: int | None
    client: int | None

    @classmethod
    def choose(cls) -> "Cores":
        """Take the first and the last, which are least likely to be one core's two threads."""
        if not hasattr(os, "sched_getaffinity"):
            return cls(None, None)
        cores = sorted(os.sched_getaffinity(0))
        return cls(cores[0], cores[-1])


@dataclass(frozen=True)
class Served:
    """A running server."""

    target: str
    pid: int


def pin(pid: int, core: int | None) -> None:
    """Hold a process to a core, with all threads that it will start."""
    if core is not None:
        psutil.Process(pid).cpu_affinity([core])


def pinned_pool(core: int | None) -> ProcessPoolExecutor:
    """Make one fresh process on that core, which does what is submitted, one by one."""
    return ProcessPoolExecutor(1, get_context("spawn"), _begin, (core,))


@contextmanager
def served(module: str, *arguments: str, core: int | None, log: Path) -> Iterator[Served]:
    """Run `python -m module arguments --port <free>` on that core, once it is SERVING."""
    port = _free_port()
    command = [sys.executable, "-m", module, *arguments, "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        pin(process.pid, core)
        server = Served(f"127.0.0.1:{port}", process.pid)
        if not _is_serving(process, server.target):
            raise BenchError(f"{module} does not serve; see {log}")
        yield server
    finally:
        process.terminate()
        process.wait()


def _begin(core: int | None) -> None:
    pin(os.getpid(), core)
    # fastai and torch warn about each other, and about pickle: nothing to act on here.
    warnings.filterwarnings("ignore", category=UserWarning)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _is_serving(process: subprocess.Popen[bytes], target: str) -> bool:
    end = time.monotonic() + _SECONDS_TO_START
    with grpc.insecure_channel(target) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        while process.poll() is None and time.monotonic() < end:
            try:
                if health.Check(health_pb2.HealthCheckRequest()).status == _SERVING:
                    return True
            except grpc.RpcError:
                pass
            time.sleep(0.2)
    return False
