"""The model store: versions of models on disk, each whole or not there."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..common.errors import CorruptModel, ModelNotFound, NotInStore, VersionExists
from ..common.spelling import meant
from . import own
from .disk import full_told, state_of, told
from .manifest import MANIFEST_FILE, AnyManifest, read_manifest
from .private import check_no_links, make_private, read_file
from .staging import add, publish, staged
from .tag import LATEST, Tag, pick_version

# How many names an error lists.
_MOST_NAMES = 20
HOME_VARIABLE = "LEARNWIRE_HOME"
CACHE_VARIABLE = "LEARNWIRE_CACHE"


def default_home() -> Path:
    """Give `$LEARNWIRE_HOME`, or `~/.learnwire`."""
    return Path(os.environ.get(HOME_VARIABLE) or "~/.learnwire").expanduser()


def default_cache() -> Path:
    """Give `$LEARNWIRE_CACHE`, or `learnwire` in the user's folder of caches.

    What is there can be made again, and belongs to this machine alone.
    """
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "learnwire"


@dataclass(frozen=True)
class Version:
    """A version in the store.

    Attributes:
        manifest: what is known of it.
        directory: has its files.
        home: of the store.
        written: the manifest's bytes.
    """

    manifest: AnyManifest
    directory: Path
    home: Path
    written: bytes

    @property
    def is_own(self) -> bool:
        """Whether this user saved it into this store, and nothing changed it since."""
        return own.is_own(self.home, self.written)


class ModelStore:
    """The store below one home directory: `models/<name>/<version>/`.

    A version appears by one rename of a finished directory and goes by another,
    so readers and crashes never see a part of one. The newest version is the one
    created last; there is no pointer that could disagree.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or default_home()
        self._models = self.home / "models"
        self._staging = self.home / "staging"

    def find(self, tag: Tag) -> Version:
        """Find the version that a tag means.

        Raises:
            ModelNotFound: there is none.
            InvalidTag: the tag's prefix fits several versions.
        """
        if tag.version is not None and (exact := self.exact(tag)):
            return exact
        versions = {version.manifest.version: version for version in self.versions(tag.name)}
        if not versions:
            raise self.lacks(tag.name)
        return versions[pick_version(tag, list(versions))]

    def exact(self, tag: Tag) -> Version | None:
        """Give the version of just that full tag, whatever others there are; None without it.

        Raises:
            CorruptModel: it does not read.
        """
        return self._read(self._directory(tag))

    def lacks(self, name: str) -> NotInStore:
        """Give the error that a model is not here, which tells what is."""
        names = self.names()
        if names:
            return NotInStore(lacking(name, names, f"the store {self.home}"))
        return NotInStore(f'there is no model "{name}": {self.emptiness()}')

    @property
    def is_there(self) -> bool:
        """Whether something has ever been saved here, and can be looked for."""
        return os.access(self._models, os.R_OK | os.X_OK)

    def emptiness(self) -> str:
        """Say why there is no model at all, and what to do."""
        return state_of(self.home) or (
            f"the store {self.home} is empty; see learnwire save --help, or set LEARNWIRE_HOME"
        )

    def versions(self, name: str) -> list[Version]:
        """List the versions of a model, newest first; none where there is no such model.

        Raises:
            CorruptModel: one does not read.
        """
        found, broken = self.readable(name)
        if broken:
            raise broken[0]
        return found

    def readable(self, name: str) -> tuple[list[Version], list[CorruptModel]]:
        """List the versions of a model that read, newest first, and why the others do not."""
        found, broken = list[Version](), list[CorruptModel]()
        for directory in _directories(self._models / name):
            try:
                version = self._read(directory)
            except CorruptModel as error:
                broken.append(error)
            else:
                found += [version] if version else []
        return sorted(found, key=_age, reverse=True), broken

    def names(self) -> list[str]:
        """List the models' names in order."""
        return [model.name for model in _directories(self._models) if _directories(model)]

    @contextmanager
    def saving(self, tag: Tag, *, is_own: bool = True) -> Iterator[Path]:
        """Give an empty directory that becomes the version once it is filled, manifest included.

        Args:
            tag: the version's.
            is_own: whether it is to count as this user's own, whose code may run.

        Raises:
            VersionExists: the version is there already, or another saver was first.
            StoreFailed: the disk refuses it.
            CorruptModel: where it would be is a symlink.
        """
        target = self._directory(tag)
        check_no_links(self._models, target.parent)
        with told(self.home):
            if target.exists():
                raise _exists(tag)
        with self._staged() as directory:
            with full_told(self.home):
                yield directory
            with told(self.home):
                if is_own:
                    own.mark(self.home, (directory / MANIFEST_FILE).read_bytes())
                try:
                    publish(directory, target)
                except FileExistsError as error:
                    raise _exists(tag) from error

    @contextmanager
    def _staged(self) -> Iterator[Path]:
        """See `staged`; what is raised inside is not the disk's."""
        with ExitStack() as stack:
            with told(self.home):
                directory = stack.enter_context(staged(self._staging))
            yield directory

    @contextmanager
    def adding(self, version: Version) -> Iterator[Path]:
        """Give an empty directory whose files come to a version's afterwards, each at once.

        Raises:
            StoreFailed: the disk refuses it.
        """
        with self._staged() as directory:
            with full_told(self.home):
                yield directory
            with told(self.home):
                add(directory, version.directory)

    def delete(self, tag: Tag) -> list[Tag]:
        """Delete what a tag means; see `meant`.

        Returns: the tags of what was deleted.

        Raises:
            ModelNotFound: there is none.
            InvalidTag: the tag's prefix fits several versions.
        """
        doomed = self.meant(tag)
        for one in doomed:
            self.remove(one)
        return doomed

    def remove(self, tag: Tag) -> None:
        """Delete the version of just that full tag, and no other that it may be a prefix of.

        Raises:
            ModelNotFound: it is not there, or no longer.
        """
        with self._staged() as directory, told(self.home):
            gone = directory / str(tag.version)
            _take_away(self._directory(tag), gone)
            if not gone.is_symlink() and (manifest := gone / MANIFEST_FILE).is_file():
                own.unmark(self.home, manifest.read_bytes())

    def meant(self, tag: Tag) -> list[Tag]:
        """Give the version that a tag means, or without a version all of them, by full tags.

        Raises:
            ModelNotFound: there is none.
            InvalidTag: the tag's prefix fits several versions.
        """
        names = [directory.name for directory in _directories(self._models / tag.name)]
        if not names:
            raise self.lacks(tag.name)
        versions = names if tag.version is None else [self._picked(tag, names)]
        return [Tag(tag.name, version) for version in versions]

    def beside(self, file: str, name: str = "*") -> dict[str, bytes]:
        """Read the files of that name beside all models' versions, or one's, by model.

        Raises:
            CorruptModel: one is a symlink, or in a folder that is one.
        """
        found = dict[str, bytes]()
        for path in self._models.glob(f"{name}/{file}"):
            check_no_links(self._models, path.parent)
            found[path.parent.name] = read_file(path)
        return found

    def put_beside(self, name: str, file: str, text: str) -> None:
        """Put a file beside a model's versions, all at once; it stays when they go.

        Raises:
            OSError: the store cannot be written to.
        """
        with self._staged() as directory, told(self.home):
            (directory / file).write_text(text)
            make_private(self._models / name)
            add(directory, self._models / name)

    def _picked(self, tag: Tag, names: list[str]) -> str:
        """Give the version that a tag means, reading manifests only where order matters."""
        if tag.version == LATEST:
            return self.find(tag).manifest.version
        return pick_version(tag, names)

    def _directory(self, tag: Tag) -> Path:
        return self._models / tag.name / (tag.version or LATEST)

    def _read(self, directory: Path) -> Version | None:
        """Read a version; None where it is not there, or no longer.

        Raises:
            CorruptModel: it does not read, is another's, or leads elsewhere.
        """
        path = directory / MANIFEST_FILE
        check_no_links(self._models, directory.parent, directory)
        tag = Tag(directory.parent.name, directory.name)
        try:
            written = read_file(path)
        except FileNotFoundError:
            return None
        manifest = read_manifest(written, tag)
        if manifest.tag != tag:
            raise CorruptModel(f"what lies in the store as {tag} says that it is {manifest.tag}")
        return Version(manifest, directory, self.home, written)


def lacking(name: str, names: list[str], where: str) -> str:
    """Say that a model is not somewhere, and what is."""
    only = ", ".join(names[:_MOST_NAMES]) + ", ..." * (len(names) > _MOST_NAMES)
    return f'there is no model "{name}" in {where}, only {only}{meant(name, names)}'


def _exists(tag: Tag) -> VersionExists:
    return VersionExists(f"{tag} exists already; save under another version")


def _take_away(directory: Path, to: Path) -> None:
    try:
        directory.rename(to)
    except FileNotFoundError as error:
        name, version = directory.parts[-2:]
        raise ModelNotFound(f"{name}:{version} has just been deleted by another") from error


def _age(version: Version) -> tuple[datetime, str]:
    return version.manifest.created, version.manifest.version


def _directories(parent: Path) -> list[Path]:
    return sorted(path for path in parent.glob("*") if path.is_dir())
