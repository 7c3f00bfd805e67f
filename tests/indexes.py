"""An index of packages in a folder: wheels of what is installed here, with no code in them."""

import os
import re
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def index_of(folder: Path, *wanted: str) -> dict[str, str]:
    """Put there what some requirements need, and what that needs.

    Returns: the variables that make pip look there and nowhere else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left, done = [Requirement(one) for one in wanted], set[tuple[str, str]]()
    while left:
        requirement = left.pop()
        for extra in ("", *requirement.extras):
            if (key := (canonicalize_name(requirement.name), extra)) not in done:
                done.add(key)
                left += _needs(requirement.name, extra)
    for name in {name for name, _ in done} - {"learnwire"}:
        put_wheel(folder, name, distribution(name).version, _metadata(name))
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_CONSTRAINT": "",
    }


def put_wheel(folder: Path, name: str, version: str, metadata: str = "") -> Path:
    """Put a wheel there that has nothing in it."""
    plain = re.sub("[-_.]+", "_", name)
    path = folder / f"{plain}-{version}-py3-none-any.whl"
    info = f"{plain}-{version}.dist-info"
    metadata = metadata or f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", _WHEEL)
        archive.writestr(f"{info}/RECORD", "")
    return path


def _metadata(name: str) -> str:
    return distribution(name).read_text("METADATA") or ""


def _needs(name: str, extra: str) -> list[Requirement]:
    try:
        requires = distribution(name).requires or []
    except PackageNotFoundError:
        return []
    found = [Requirement(one) for one in requires]
    return [
        one
        for one in found
        if one.marker is None
        or (one.marker.evaluate({"extra": extra}) and (not extra or "extra" in str(one.marker)))
    ]
