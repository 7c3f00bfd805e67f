"""Learnwire's own wheel, packed from the files that run here: of a release, or of a checkout."""

import shutil
from collections.abc import Iterator
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

from .tools import run

_PACKAGES = ("learnwire.inference", "learnwire.v1", "learnwire_client", "learnwire_service")
_METADATA = ("METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE")
_FILE, _FOLDER = 0o644, 0o755


def pack_wheel(unpacked: Path, folder: Path) -> Path:
    """Pack the wheel.

    The same files make the same bytes.

    Args:
        unpacked: an empty folder, for what is packed.
        folder: where the wheel goes.

    Returns: its path.

    Raises:
        ToolMissing: `wheel` is not installed.
    """
    for package in _PACKAGES:
        _copy_package(package, unpacked)
    of = distribution("learnwire")
    info = unpacked / f"learnwire-{of.version}.dist-info"
    for name in _METADATA:
        target = info / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(of.read_text(name) or "", encoding="utf-8")
    for path in unpacked.rglob("*"):
        path.chmod(_FOLDER if path.is_dir() else _FILE)
    run("wheel", "pack", unpacked, "--dest-dir", folder)
    [wheel] = folder.glob("learnwire-*.whl")
    return wheel


def _copy_package(name: str, to: Path) -> None:
    for folder in _folders(name):
        ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(folder, to.joinpath(*name.split(".")), ignore=ignore, dirs_exist_ok=True)


def _folders(name: str) -> Iterator[str]:
    spec = find_spec(name)
    yield from (spec.submodule_search_locations or ()) if spec else ()
