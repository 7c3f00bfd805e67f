"""Making a bundle: what is served, its code, its packages, its image; all of it, or nothing."""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml  # type: ignore[import-untyped]

from ..common.build_settings import BuildSettings
from ..common.errors import BuildFailed, LearnwireError
from ..common.secrecy import secret_in
from ..common.settings_file import FILE, SettingsFile
from ..store.reference import Reference
from ..store.store import default_cache, default_home
from . import conda
from .bundle import BUNDLE_FILE, CODE, STORE, About
from .code import Code, matches, pick, secrecy
from .image import DOCKERFILE, dockerfile
from .imports import foreign, needed
from .inventory import INVENTORY, inventory
from .kubernetes import MANIFESTS, manifests
from .lock import LOCK, WHEELS, Lock, requirements_of, resolve
from .measuring import memory_of
from .models import Served, gather, put_models
from .remarks import remarks
from .wheel import pack_wheel

_FILE, _FOLDER = 0o644, 0o755
_INSTALLED = "site-packages"
# Settings for which a server needs more than sealed models do.
_SECURE = ("tls_cert", "tls_client_ca", "jwt_keys", "trusted_keys")


@dataclass(frozen=True)
class Built:
    """What came of a build.

    Attributes:
        about: what the bundle says of itself.
        code: the files that travel.
        lock: the packages that it needs.
        left_out: what is not in it, and why; a sentence each.
        told: what whoever builds it should know; a sentence each.
    """

    about: About
    code: Code
    lock: Lock
    left_out: tuple[str, ...]
    told: tuple[str, ...]


def build(
    names: Sequence[str], file: SettingsFile, output: Path, *, kubernetes: bool = False
) -> Built:
    """Make a bundle of what is served from the working directory, the project's folder.

    Services are imported, and pip is asked for packages. A bundle that is there already is
    replaced once the new one is whole.

    Args:
        names: models and services as `learnwire serve` takes them.
        file: the settings file; its section `build` says what else belongs to the bundle.
        output: the folder that becomes the bundle.
        kubernetes: whether it has manifests; then it is served once, for its memory.

    Raises:
        BuildFailed: there is nothing to serve, or the folder is there and is no bundle; or pip
            finds no packages.
        LearnwireError: something is not there, or the settings are wrong.
    """
    if not names:
        raise BuildFailed("name what is served: learnwire build service.py:svc -o DIR")
    if file.serve.get("remote"):
        with file.blamed_for("serve", "remote"):
            raise BuildFailed("a bundle has its models in it, and serves none of a remote store")
    for name, value in file.serve.items():
        if secret := secret_in(str(value)):
            with file.blamed_for("serve", name):
                raise BuildFailed(
                    f"there is {secret} in {name}, which all who have the bundle would read: set "
                    "it where the bundle is served"
                )
    served = gather(names, file)
    with _whole(output) as folder, TemporaryDirectory(prefix="learnwire-build-") as scratch:
        places = (Path.cwd(), folder, Path(scratch), output)
        return _Making(served, file, *places, kubernetes=kubernetes).made()


@contextmanager
def _whole(output: Path) -> Iterator[Path]:
    """Give a new folder that takes the place of another once all is well inside."""
    if output.exists() and not _is_ours(output):
        raise BuildFailed(f"{output} is there already, and is no bundle: name another folder")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as place:
            made = Path(place) / "made"
            made.mkdir()
            yield made
            _close(made)
            if output.exists():
                output.rename(Path(place) / "old")
            made.rename(output)
    except LearnwireError:
        raise
    except OSError as error:
        raise BuildFailed(f"{output} cannot be made: {error.strerror}") from error


def _is_ours(folder: Path) -> bool:
    return folder.is_dir() and ((folder / BUNDLE_FILE).is_file() or not any(folder.iterdir()))


def _close(folder: Path) -> None:
    """Give the same rights to all that was made, whatever they were: any user may serve it."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(_FOLDER if path.is_dir() else _FILE)


@dataclass(frozen=True)
class _Making:
    served: Served
    file: SettingsFile
    root: Path
    folder: Path
    scratch: Path
    output: Path
    kubernetes: bool

    @property
    def said(self) -> BuildSettings:
        return self.file.build

    def made(self) -> Built:
        code = self._code()
        tags, pickles = self._models()
        lock = self._lock()
        about = self._about(tags)
        self._write(FILE, _yaml(self._settings()))
        self._write(BUNDLE_FILE, about.model_dump_json(indent=2) + "\n")
        self._write(LOCK, lock.text(without=self._by_conda))
        self._write(INVENTORY, inventory(self.folder / LOCK))
        if self.said.conda:
            text = conda.environment(about.name, about.python, self.said.conda)
            self._write(conda.CONDA_FILE, text)
        is_conda = self.said.conda is not None
        self._write(DOCKERFILE, dockerfile(about, compiles=lock.has_sources, conda=is_conda))
        if self.kubernetes:
            self._add_manifests(about)
        left = (*code.left_out, *pickles, *self._not_needed())
        packages = {*lock.packages, *self._by_conda}
        told = remarks(self.served, self.file.serve, self._foreign(code), packages)
        return Built(about, code, lock, left, tuple(told))

    def _add_manifests(self, about: About) -> None:
        scratch = self.scratch / "measured"
        scratch.mkdir()
        memory = memory_of(self.folder, scratch)
        text = manifests(about, memory, has_code=bool(self.served.services))
        self._write(MANIFESTS, text)

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def _models(self) -> tuple[list[str], list[str]]:
        home = self.folder / STORE
        home.mkdir()
        is_signed = "trusted_keys" in self.file.serve
        return put_models(self.served.models.values(), home, whole=is_signed)

    @property
    def _by_conda(self) -> Mapping[str, str]:
        return conda.provided(self.said.conda) if self.said.conda else {}

    def _code(self) -> Code:
        (self.folder / CODE).mkdir()
        code = self._picked()
        for name in code.files:
            target = self.folder / CODE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.root / name, target)
        return code

    def _picked(self) -> Code:
        if not self.served.services:
            return Code((), ())
        files = self._service_files()
        if self.said.include is None:
            others = "other files of the project: no service imports them, and include names none"
            return Code(self._imported(files), (others,))
        never = [self.output, default_home(), default_cache()]
        code = pick(self.root, self.said.include, self.said.exclude, never)
        for number, pattern in enumerate(self.said.include):
            with self.file.blamed_for("build", "include", number):
                if not matches(code, pattern):
                    raise BuildFailed(f"include: no file of {self.root} is like {pattern}")
        if absent := sorted({*files} - {*code.files}):
            raise BuildFailed(f"{', '.join(absent)}: a service needs it, and include leaves it out")
        return code

    def _imported(self, files: list[str]) -> tuple[str, ...]:
        found = needed(self.root, files, self.places)
        for file in found:
            if reason := secrecy(self.root, file):
                raise BuildFailed(
                    f"{file} is imported, and {reason}: if it is to travel, have build.include "
                    "name all that travels, and that very file"
                )
        return found

    def _service_files(self) -> list[str]:
        """Give the files of the services themselves; installed packages have none here."""
        paths = [_file_of(one) for one in self.served.services]
        for reference, path in zip(self.served.services, paths, strict=True):
            if reference.is_file and not path.is_relative_to(self.root):
                raise BuildFailed(f"{path} is not below the working directory, {self.root}")
        own = [
            one for one in paths if one.is_relative_to(self.root) and _INSTALLED not in one.parts
        ]
        return [path.relative_to(self.root).as_posix() for path in own]

    @property
    def places(self) -> list[Path]:
        """The folders in which modules of the project are looked for, the innermost first."""
        own = {self.root / Path(one.place).parent for one in self.served.services if one.is_file}
        return sorted({self.root, *own}, reverse=True)

    def _lock(self) -> Lock:
        wheels = self.folder / WHEELS
        wheels.mkdir()
        unpacked, scratch = self.scratch / "unpacked", self.scratch / "lock"
        unpacked.mkdir()
        scratch.mkdir()
        wheel = pack_wheel(unpacked, wheels)
        python = self.said.python
        wanted = [f"learnwire[{','.join(self._extras())}] @ {wheel.as_uri()}", *python.packages]
        if python.requirements:
            with self.file.blamed_for("build", "python", "requirements"):
                wanted.append(requirements_of(Path(python.requirements).resolve()))
        pins = self.served.pins() | {name: one for name, one in self._by_conda.items() if one}
        return resolve(wanted, pins, python.index_urls, wheels, scratch)

    def _extras(self) -> list[str]:
        extras = ["serve", "http"]
        is_secure = self.kubernetes or any(self.file.serve.get(name) for name in _SECURE)
        extras += ["secure"] if is_secure else []
        extras += ["sign"] if self.file.serve.get("trusted_keys") else []
        extras += ["service"] if self.served.unsealed else []
        return extras

    def _about(self, tags: Sequence[str]) -> About:
        return About(
            name=self.said.name or self.served.name,
            description=self.said.description,
            labels=dict(sorted(self.said.labels.items())),
            learnwire=version("learnwire"),
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            models=tuple(sorted(tags)),
            serve=_plain(self.file.serve),
            environment=dict(sorted(self.said.environment.items())),
            command=self.said.command,
            docker=self.said.docker,
        )

    def _settings(self) -> dict[str, Any]:
        """Give what the bundle's settings file says: what is served, and how."""
        models = {}
        for name in self.served.names:
            own = self.file.models.get(name)
            models[self._moved(name)] = _plain(own.model_dump(exclude_unset=True)) if own else {}
        return {"serve": _plain(self.file.serve), "models": models}

    def _moved(self, name: str) -> str:
        """Give what is served as it is named in the bundle, whose folder of code is the root."""
        place, _, service = name.rpartition(":")
        if not place.endswith(".py"):
            return name
        return f"{Path(place).resolve().relative_to(self.root).as_posix()}:{service}"

    def _not_needed(self) -> Iterator[str]:
        if not self.served.unsealed:
            yield "fastai, PyTorch: no model here needs them"

    def _foreign(self, code: Code) -> set[str]:
        files = [self.root / one for one in code.files if one.endswith(".py")]
        return foreign(files, self.places)


def _file_of(reference: Reference) -> Path:
    """Give the file of a service that has been imported."""
    if reference.is_file:
        return Path(reference.place).resolve()
    return Path(str(sys.modules[reference.place].__file__)).resolve()


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings as YAML and JSON write them."""
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in sorted(values.items())
    }


def _yaml(values: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return text
