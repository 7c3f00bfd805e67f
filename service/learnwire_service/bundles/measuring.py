"""What a bundle takes: it is served once, here, on a free port of loopback."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from learnwire_client import Client

from ..common.errors import BuildFailed
from ..common.settings import ENVIRONMENT_PREFIX
from ..common.settings_file import FILE

# How others reach it: none of it takes memory, and its files are not here.
_NETWORK = ("host", "port", "http_port", "ops_port", "tls_cert", "tls_key", "tls_client_ca")
_ACCESS = ("access", "jwt_keys", "jwt_issuer", "jwt_audience")
_ENDS_WITHIN = 60.0
_RESIDENT = re.compile(r"VmRSS:\s+(\d+) kB")


def memory_of(bundle: Path, scratch: Path) -> int:
    """Tell how many bytes all processes of a bundle's server take, once all is loaded.

    Args:
        bundle: its folder.
        scratch: an empty folder.

    Raises:
        BuildFailed: it does not serve here; the message is what it said last.
    """
    config = scratch / FILE
    settings = yaml.safe_load((bundle / FILE).read_text(encoding="utf-8"))
    for name in (*_NETWORK, *_ACCESS):
        settings["serve"].pop(name, None)
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = ["serve", f"{bundle}/", "--config", str(config), "--port", "0"]
    with _served(command) as (process, target), Client(target) as client:
        # What its own statistics say counts less where others here have the same libraries.
        return max(_resident(process), client.server_statistics().memory_bytes)


def _resident(process: int) -> int:
    """Tell how many bytes a process and those below it hold; 0 where the system does not say."""
    place = Path(f"/proc/{process}")
    try:
        held = _RESIDENT.search((place / "status").read_text(encoding="ascii"))
        below = [one for file in place.glob("task/*/children") for one in file.read_text().split()]
    except OSError:
        return 0
    return (1024 * int(held[1]) if held else 0) + sum(_resident(int(one)) for one in below)


@contextmanager
def _served(command: list[str]) -> Iterator[tuple[int, str]]:
    """Have a server in a process of its own; give that and its target."""
    own = {name: one for name, one in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    with subprocess.Popen(  # noqa: S603 - Learnwire itself
        [sys.executable, "-m", "learnwire_service", *command, "--log-format", "json"],
        stderr=subprocess.PIPE,
        text=True,
        env={**own, "PYTHONDONTWRITEBYTECODE": "1"},
    ) as server:
        try:
            yield server.pid, _target(server)
        finally:
            server.terminate()
            server.communicate(timeout=_ENDS_WITHIN)


def _target(server: "subprocess.Popen[str]") -> str:
    last = ""
    for last in server.stderr or ():
        if '"event": "serving"' in last:
            return str(json.loads(last)["target"])
    raise BuildFailed(f"the bundle does not serve here: {last.strip()}")
