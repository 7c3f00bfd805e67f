"""The machine and the versions that the figures hold for."""

import os
import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from .processes import Cores

_LIBRARIES = (
    "fastai",
    "torch",
    "torchvision",
    "onnxruntime",
    "grpcio",
    "protobuf",
    "numpy",
    "pandas",
    "learnwire",
)


def describe_machine(cores: Cores) -> dict[str, str]:
    """Tell what the figures depend on, each by its name."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "CPU": _cpu(),
        "cores": str(psutil.cpu_count()),
        "cores used": _cores_used(cores),
        "memory": f"{memory:.0f} GiB",
        "load before the start": f"{os.getloadavg()[0]:.2f}",
        "system": platform.platform(),
        "Python": platform.python_version(),
        **versions(),
    }


def versions() -> dict[str, str]:
    """Tell the versions of the libraries that are installed."""
    found = {}
    for library in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cores_used(cores: Cores) -> str:
    if cores.contenders is None:
        return "not pinned, this system cannot; one thread for each contender"
    if cores.contenders == cores.client:
        return f"number {cores.client} for contenders and client alike, there is no other"
    return f"number {cores.contenders} for each contender, number {cores.client} for the client"


def _commit() -> str:
    commands = (["git", "rev-parse", "--short", "HEAD"], ["git", "status", "--porcelain"])
    commit, changes = (
        subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        for command in commands
    )
    return f"{commit}, with uncommitted changes" if changes else commit
