"""The servers among the contenders: how each is started, and ended."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import grpc
import httpx
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc
from learnwire_client.channel import ChannelOptions, open_channels

from .models import CACHE
from .processes import BenchError, pin, tree

_SECONDS_TO_START = 300.0
_SECONDS_TO_END = 30.0
_SECONDS_BETWEEN_LOOKS = 0.02
# Else calls that the benchmark means to wait would be refused.
_PATIENT = ("--max-wait", "60", "--max-pending", "100000")
_SERVING = health_pb2.HealthCheckResponse.SERVING

# What is spoken: the generic contract over gRPC, as JSON and over gRPC-Web; the model's own; the
# Open Inference Protocol, raw, as typed contents and as JSON; and what others make of JSON.
Wire = Literal["grpc", "json", "grpc-web", "own", "oip-raw", "oip-typed", "oip-json", "http"]


@dataclass(frozen=True)
class Guard:
    """What a server asks of those who call it.

    Attributes:
        roots: what to trust over TLS, as PEM; None: it speaks plain text.
        token: what to send.
    """

    roots: bytes | None = None
    token: str | None = None


OPEN = Guard()


@dataclass(frozen=True)
class Program:
    """A server's program.

    Attributes:
        name: what it is called in errors, and its log.
        command: what starts it, but for its `--port`.
        wire: what it speaks.
        environment: what is added to this process's.
        guard: what it asks of those who call it.
    """

    name: str
    command: tuple[str, ...]
    wire: Wire = "grpc"
    environment: Mapping[str, str] = field(default_factory=dict)
    guard: Guard = OPEN


@dataclass(frozen=True)
class Served:
    """A running server.

    Attributes:
        name: what it is called in errors.
        target: its host:port.
        pid: its process, the first of its own where there are several.
        wire: what it speaks.
        seconds: how long it took from its start to serving.
        guard: what it asks of those who call it.
    """

    name: str
    target: str
    pid: int
    wire: Wire
    seconds: float
    guard: Guard = OPEN


NOOP_SERVER = Program("noop", (sys.executable, "-m", "tests.bench.noop"))


def learnwire(*tags: str, workers: int | None = None) -> Program:
    """Give the program that serves these models, with so many workers if that is said."""
    command = (sys.executable, "-m", "learnwire_service", "serve", *tags, *_PATIENT)
    if workers is None:
        return Program("learnwire", command)
    return Program(f"learnwire-{workers}-workers", (*command, "--workers", str(workers)))


def guarded(tag: str, name: str, flags: Sequence[str], guard: Guard) -> Program:
    """Give the program that serves a model and asks something of those who call."""
    served = learnwire(tag)
    command = (*served.command, *flags)
    return replace(served, name=f"learnwire-{name}", command=command, guard=guard)


@contextmanager
def started(program: Program, core: int | None) -> Iterator[Served]:
    """Run a server on that core, or on all, on a free port; it is serving when this yields.

    Raises:
        BenchError: it does not serve.
    """
    port = free_port()
    target = f"127.0.0.1:{port}"
    log = CACHE / f"{program.name}.log"
    command = [*program.command, "--port", str(port)]
    begin = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **program.environment}
        )
    try:
        pin(process.pid, core)
        _wait_until_serving(program, process, target, log.read_text)
        seconds = time.perf_counter() - begin
        yield Served(program.name, target, process.pid, program.wire, seconds, program.guard)
    finally:
        _end(process)


def _wait_until_serving(
    program: Program, process: "subprocess.Popen[bytes]", target: str, log: Any
) -> None:
    is_serving = (
        _is_serving_http
        if program.wire == "http"
        else partial(_is_serving_grpc, roots=program.guard.roots)
    )
    end = time.monotonic() + _SECONDS_TO_START
    while not is_serving(target):
        if process.poll() is not None:
            raise BenchError(f"{program.name} ended before it served:\n{log()[-1500:].strip()}")
        if time.monotonic() > end:
            raise BenchError(f"{program.name} does not serve after {_SECONDS_TO_START:.0f} s")
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _is_serving_grpc(target: str, roots: bytes | None) -> bool:
    # A channel of its own each time: one that was refused waits before it tries again.
    (opened,) = open_channels(target, ChannelOptions(tls=roots or False), 1)
    with opened as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            return False
        return bool(answer.status == _SERVING)


def _is_serving_http(target: str) -> bool:
    try:
        return httpx.get(f"http://{target}/readyz", timeout=5).is_success
    except httpx.TransportError:
        return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a server with all its processes, by force where asking does not help."""
    processes = tree(process.pid) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for left in processes[1:]:
        if left.is_running():
            left.kill()
    psutil.wait_procs(processes[1:], _SECONDS_TO_END)


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
