"""Environments made by pip for one version, with the libraries that it was saved with."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import distribution, requires
from pathlib import Path
from tempfile import TemporaryDirectory

from ..common.environment import OF_SEALED
from ..common.errors import NotServable, ToolMissing
from ..common.stages import stages
from ..store.store import HOME_VARIABLE, ModelStore
from .model import get
from .replay import Replayed, check_replayable

# Libraries that are pinned; of others the newest is taken that these bear.
_OWN = ("python", "learnwire")
_PACKAGES = ("learnwire", "learnwire_service", "learnwire_client")
_EXTRA = re.compile(r"extra\s*==\s*['\"](\w+)['\"]")
_OURS = re.compile(r"learnwire\[([\w,-]+)\]")


def replay_isolated(
    tag: str,
    *,
    learner: bool = False,
    upgrade: Collection[str] = (),
    allow_unpickling: bool = False,
) -> Replayed:
    """Ask a version's golden examples again in a fresh environment, as it was at save.

    Usage: `replay_isolated("penguins", upgrade=["numpy"]).differences`

    The environment has the libraries that the manifest tells, at their versions, and Learnwire as
    it is here. It is gone afterwards.

    Args:
        tag: the version's.
        learner: whether its Learner is asked, also where the version is sealed; also where a
            library is to be newer that only the Learner stands on.
        upgrade: libraries that are to be as new as the others allow, rather than as at save.
        allow_unpickling: whether the code of one that is not the user's own runs.

    Raises:
        NotServable: there is nothing to ask, the version was saved without one of `upgrade`, or pip
            cannot make the environment; the message says why.
        ToolMissing: an environment cannot be made here.
        LearnwireError: see `replay`.
    """
    model = get(tag)
    then: dict[str, str] = model.manifest.library_versions
    if unknown := sorted(set(upgrade) - then.keys() | set(upgrade) & set(_OWN)):
        known = ", ".join(name for name in then if name not in _OWN)
        raise NotServable(f"{model.tag} was saved with no {', '.join(unknown)}, only with {known}")
    learner = learner or not set(upgrade) <= set(OF_SEALED)
    by, _ = check_replayable(model, learner=learner, allow_unpickling=allow_unpickling)
    needed = requirements(then, sealed=by == "recipe", upgrade=upgrade)
    flags = ["learner"] * (by == "Learner") + ["allow"] * allow_unpickling
    with stages(3) as stage, TemporaryDirectory(prefix="learnwire-") as folder:
        stage(model.tag, "making an environment")
        python = _environment(Path(folder), then["python"])
        stage(model.tag, f"installing {len(needed)} packages and what they need")
        _install(python, needed)
        stage(model.tag, "asking its examples again")
        return _ask(python, Path(folder), model.tag, flags)


def requirements(
    then: Mapping[str, str], *, sealed: bool, upgrade: Collection[str] = ()
) -> list[str]:
    """Give what pip is to install for a version, a line each.

    Args:
        then: the libraries at save, with their versions.
        sealed: whether only those matter that a sealed model stands on.
        upgrade: libraries that are not pinned.
    """
    pinned = [name for name in then if name not in _OWN and (not sealed or name in OF_SEALED)]
    pins = [f"{name}=={_public(then[name])}" for name in pinned if name not in upgrade]
    newest = [name for name in pinned if name in upgrade]
    return [*pins, *newest, *_needed_here("serve" if sealed else "service")]


def _public(version: str) -> str:
    """Leave out what only tells how it was built, as +cpu."""
    return version.partition("+")[0]


def _needed_here(extra: str) -> Iterator[str]:
    """Give what Learnwire itself needs, with one of its extras."""
    for line in requires("learnwire") or ():
        requirement, _, marker = line.partition(";")
        found = _EXTRA.search(marker)
        if found is not None and found[1] != extra:
            continue
        if ours := _OURS.match(requirement):
            for other in ours[1].split(","):
                yield from (one for one in _needed_here(other) if one not in _base())
        else:
            yield requirement.strip()


def _base() -> set[str]:
    return {line for line in requires("learnwire") or () if ";" not in line}


def _environment(folder: Path, version: str) -> Path:
    """Make an environment; give its Python."""
    minor = ".".join(version.split(".")[:2])
    is_here = minor == f"{sys.version_info.major}.{sys.version_info.minor}"
    python = sys.executable if is_here else shutil.which(f"python{minor}")
    if python is None:
        raise ToolMissing(
            f"it was saved with Python {minor}, and there is no python{minor} on the PATH here"
        )
    _run([python, "-m", "venv", str(folder / "venv")], "an environment cannot be made here")
    return folder / "venv" / "bin" / "python"


def _install(python: Path, needed: Collection[str]) -> None:
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--no-compile", *needed], "pip cannot make that environment")


def _ask(python: Path, folder: Path, tag: str, flags: Collection[str]) -> Replayed:
    environment = {
        **_clean(),
        "PYTHONPATH": str(_own_packages(folder / "own")),
        HOME_VARIABLE: str(ModelStore().home.absolute()),
        "LEARNWIRE_CACHE": str(folder / "cache"),
    }
    command = [str(python), "-P", "-m", "learnwire_service.models.replay", tag, *flags]
    said = _run(command, "its examples cannot be asked there", environment)
    return Replayed(**json.loads(said.splitlines()[-1]))


def _own_packages(folder: Path) -> Path:
    """Give a folder with the packages of Learnwire, and nothing of what is beside them here."""
    folder.mkdir()
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None  # noqa: S101 - it is running
        for place in spec.submodule_search_locations or ():
            if Path(place).is_dir():
                (folder / name).symlink_to(Path(place).resolve())
                break
    here = distribution("learnwire")
    told = folder / f"learnwire-{here.version}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(here.read_text("METADATA") or "")
    return folder


def _clean() -> dict[str, str]:
    """Give the environment's variables without those that lead Python elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _run(command: list[str], problem: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(  # noqa: S603 - Python, and what we give it
        command, capture_output=True, text=True, check=False, env=environment or _clean()
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith("ERROR:")] or lines[-1:] or ["no reason"]
        raise NotServable(f"{problem}: {'; '.join(told)[:1000]}")
    return done.stdout
