"""The lock: which packages of Python a bundle needs, at which version, by which digest."""

import json
import platform
import shlex
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from ..common.errors import BuildFailed
from .tools import run

LOCK = "requirements.txt"
WHEELS = "wheels"
_HEAD = """\
# What pip found for {where}.
# pip install --no-deps --require-hashes -r {lock}
"""


@dataclass(frozen=True)
class Locked:
    """A package.

    Attributes:
        name: as packages are compared by.
        version: the one that pip found.
        sha256: of its file.
        is_source: whether that has yet to be built.
    """

    name: str
    version: str
    sha256: str
    is_source: bool


@dataclass(frozen=True)
class Lock:
    """All packages, those that others need included.

    Attributes:
        packages: by their names, in order.
        index_urls: where some of them were found.
    """

    packages: Mapping[str, Locked]
    index_urls: tuple[str, ...]

    @property
    def has_sources(self) -> bool:
        """Whether something has to be compiled."""
        return any(one.is_source for one in self.packages.values())

    def text(self, without: Iterable[str] = ()) -> str:
        """Give it as pip reads it, without some packages."""
        lines = [_HEAD.format(where=machine(), lock=LOCK), f"--find-links {WHEELS}\n"]
        lines += [f"--extra-index-url {url}\n" for url in self.index_urls]
        lines += [
            f"{one.name}=={one.version} \\\n    --hash=sha256:{one.sha256}\n"
            for name, one in self.packages.items()
            if name not in {*without}
        ]
        return "".join(lines)


def machine() -> str:
    """Say for which Python and which machines a lock made here is."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"Python {python} on {platform.system()} {platform.machine()}"


def requirements_of(path: Path) -> str:
    """Give the line by which pip takes a file of requirements along.

    Raises:
        BuildFailed: it cannot be read, or has digests.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BuildFailed(f"{path} cannot be read: {error.strerror}") from error
    if "--hash" in text:
        raise BuildFailed(
            f"{path} has digests, and pip would want one of Learnwire's own wheel, too: leave them "
            "out; the bundle's lock gets those of what pip finds"
        )
    return f"-r {shlex.quote(str(path))}"


def resolve(
    wanted: Iterable[str],
    pins: Mapping[str, str],
    index_urls: tuple[str, ...],
    wheels: Path,
    scratch: Path,
) -> Lock:
    """Have pip find the packages; nothing is installed.

    Args:
        wanted: requirements as pip takes them; files on this machine go to the bundle's wheels.
        pins: versions that packages must have if they are needed.
        index_urls: of indexes beside those that pip has been told.
        wheels: the bundle's wheels.
        scratch: an empty folder.

    Raises:
        BuildFailed: it finds none that go together, or one has no digest.
    """
    requirements, constraints = scratch / "wanted.txt", scratch / "pins.txt"
    report = scratch / "report.json"
    requirements.write_text("".join(f"{one}\n" for one in wanted), encoding="utf-8")
    pinned = [f"{name}=={version}\n" for name, version in sorted(pins.items())]
    constraints.write_text("".join(pinned), encoding="utf-8")
    extra = [part for url in index_urls for part in ("--extra-index-url", url)]
    run(
        *("pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--no-input"),
        *("--report", report, "-r", requirements, "-c", constraints, *extra),
        saying="pip finds no packages that go together",
    )
    found = json.loads(report.read_text(encoding="utf-8"))["install"]
    packages = sorted((_locked(one, wheels) for one in found), key=lambda one: one.name)
    return Lock({one.name: one for one in packages}, index_urls)


def _locked(found: Mapping[str, Any], wheels: Path) -> Locked:
    name, version = found["metadata"]["name"], found["metadata"]["version"]
    origin = found["download_info"]
    digest = origin.get("archive_info", {}).get("hashes", {}).get("sha256")
    if digest is None:
        raise BuildFailed(
            f"{name} comes from a folder or a repository, which has no digest: name a release of "
            "it or a wheel, or have its code travel with include"
        )
    place = urlsplit(origin["url"])
    if found["is_direct"]:
        _keep(Path(unquote(place.path)), place.scheme, wheels, name)
    is_source = not place.path.endswith(".whl")
    return Locked(canonicalize_name(name), version, digest, is_source)


def _keep(path: Path, scheme: str, wheels: Path, name: str) -> None:
    """Have a file of this machine travel."""
    if scheme != "file":
        raise BuildFailed(f"{name} is named by an address: download it, and name the file")
    if path.parent != wheels:
        shutil.copyfile(path, wheels / path.name)
