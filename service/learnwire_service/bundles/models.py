"""The models of a bundle: which it needs, and a store of its own that holds them."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..common.settings_file import SettingsFile
from ..contracts import keeping
from ..hosting.importing import import_service
from ..models.travel import outgoing
from ..services.endpoints.service import Service
from ..store.manifest import Manifest
from ..store.parcel import receive
from ..store.reference import Reference, find
from ..store.store import ModelStore, Version
from ..store.tag import Tag

# Of what a sealed model stands on; its proof holds for these versions.
_OF_SEALED = ("onnxruntime", "numpy", "pillow")
_NOT_LIBRARIES = ("python", "learnwire")


@dataclass(frozen=True)
class Served:
    """What a bundle serves.

    Attributes:
        services: where they are in the project, and what they are.
        models: the versions that are served, or that services ask.
        names: what is served, in order: models as they were named, services by where they are.
    """

    services: dict[Reference, Service]
    models: dict[str, Version]
    names: tuple[str, ...]

    @property
    def unsealed(self) -> list[str]:
        """The tags of those that fastai or PyTorch answers."""
        return [tag for tag, one in self.models.items() if not is_sealed(one)]

    @property
    def name(self) -> str:
        """What the bundle is called unless it is told."""
        named = [one.name for one in self.services.values()]
        return (named or [one.manifest.name for one in self.models.values()])[0]

    def pins(self) -> dict[str, str]:
        """Give the versions of libraries that the models were saved with, and proven on.

        Where models differ, the newest model's.
        """
        found: dict[str, str] = {}
        for version in sorted(self.models.values(), key=lambda one: one.manifest.created):
            versions = version.manifest.library_versions
            libraries = _OF_SEALED if is_sealed(version) else {*versions} - {*_NOT_LIBRARIES}
            found |= {
                name: versions[name].partition("+")[0] for name in libraries if name in versions
            }
        return found


def is_sealed(version: Version) -> bool:
    """Tell whether a recipe answers, and not a pickle."""
    return isinstance(version.manifest, Manifest) and version.manifest.is_sealed


def gather(names: Iterable[str], file: SettingsFile) -> Served:
    """Find what is served; services are imported, with all rights.

    Raises:
        LearnwireError: something is not there, or does not import.
    """
    services: dict[Reference, Service] = {}
    models: dict[str, Version] = {}
    named = [*dict.fromkeys(names)]
    for name in named:
        with file.blamed_for("models", name), _set(file.build.environment):
            there = find(name)
            if isinstance(there, Reference):
                services[there] = import_service(there)
            else:
                models[str(there.manifest.tag)] = there
    for number, name in enumerate(file.build.models):
        with file.blamed_for("build", "models", number):
            version = _model(name)
            models[str(version.manifest.tag)] = version
    for service in services.values():
        for tag in filter(None, map(_tag, service.runners)):
            models.setdefault(tag, _model(tag))
    return Served(services, models, tuple(named))


@contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    """Have variables set inside, where they are not set already: code is imported with them."""
    new = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


def _model(tag: str) -> Version:
    return ModelStore().find(Tag.parse(tag))


def _tag(runner: object) -> str:
    """Give the tag of a runner's model; "" where it has none."""
    manifest = getattr(runner, "manifest", None)
    return str(manifest.tag) if manifest is not None else ""


def put_models(
    versions: Iterable[Version], home: Path, *, whole: bool = False
) -> tuple[list[str], list[str]]:
    """Put versions into a store of a bundle.

    Args:
        versions: they.
        home: of the store, which is new.
        whole: whether the pickles of those that are sealed come along, as a signature of all of
            their files needs.

    Returns: the tags that they have there, and what is left out, a sentence each.

    Raises:
        CorruptModel: a file of one was altered.
    """
    store, tags, left = ModelStore(home), list[str](), list[str]()
    for version in versions:
        parcel = outgoing(str(version.manifest.tag), sealed=is_sealed(version) and not whole)
        there = store.exact(parcel.tag)
        # A version and its sealed copy may both be asked for, and travel as one.
        if there is None or there.written != parcel.written:
            with store.saving(parcel.tag, is_own=False) as directory:
                receive(parcel, directory)
            if isinstance(parcel.manifest, Manifest):
                keeping.accept(store, parcel.manifest, parcel.contract)
            tags.append(str(parcel.tag))
        left += [
            f"{version.manifest.tag}, {name}: its recipe answers"
            for name in sorted({*version.manifest.files} - {*parcel.manifest.files})
        ]
    for path in home.iterdir():
        if path.name != "models":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return tags, left
