"""Old versions go, but for those that something still needs."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..common.errors import InvalidTag, ModelNotFound
from ..common.logs import get_logger
from ..store.in_use import unused
from ..store.manifest import SEALED_FROM
from ..store.store import ModelStore, Version
from ..store.tag import Tag

_log = get_logger()

_NEWEST = "the newest"
_SERVED = "a server serves it"


@dataclass(frozen=True)
class Verdict:
    """What becomes of a version.

    Attributes:
        version: the version.
        size: the bytes of its folder.
        stays: why it stays though it is old; empty where it goes.
    """

    version: Version
    size: int
    stays: str

    @property
    def tag(self) -> str:
        """The version's full tag."""
        return str(self.version.manifest.tag)


def old_versions(
    name: str | None = None,
    *,
    keep: int = 1,
    older_than: timedelta = timedelta(),
    named: Collection[str] = (),
) -> list[Verdict]:
    """Tell which versions are old, and which of them go or stay; nothing is deleted.

    Usage: `[one.tag for one in old_versions("penguins", keep=3) if not one.stays]`

    The newest version of a model stays, and what a server serves, what a version that stays was
    made of, and what is named.

    Args:
        name: the model's; None for all.
        keep: how many of a model's newest versions are not old.
        older_than: how long ago one was saved that is old.
        named: tags that something else refers to, such as those of a settings file.

    Raises:
        ModelNotFound: there is no such model.
    """
    store = ModelStore()
    names = store.names() if name is None else [Tag.parse(name).name]
    reasons = _found(store, named)
    before = _before(older_than)
    verdicts = list[Verdict]()
    for one in names:
        versions, broken = store.readable(one)
        if not versions and not broken:
            raise store.lacks(one)
        for error in broken:
            _log.warning(f"left alone: {error}")
        verdicts += _of_model(versions, keep, before, reasons)
    return verdicts


def prune(verdicts: Collection[Verdict]) -> Iterator[Verdict]:
    """Delete the versions that go, and give each that is gone.

    One that came into use meanwhile, or was deleted by another, stays out.
    """
    store = ModelStore()
    for verdict in verdicts:
        if verdict.stays:
            continue
        try:
            with unused(verdict.version.directory) as is_free:
                if is_free:
                    store.remove(verdict.version.manifest.tag)
        except (ModelNotFound, FileNotFoundError):
            continue
        if is_free:
            yield verdict


def _before(age: timedelta) -> datetime:
    try:
        return datetime.now(UTC) - age
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _of_model(
    versions: list[Version], keep: int, before: datetime, named: dict[str, str]
) -> list[Verdict]:
    old = [
        version
        for place, version in enumerate(versions)
        if place >= keep and version.manifest.created <= before
    ]
    reasons = dict[str, str]()
    for version in old:
        reason = _reason(version, versions, named)
        if reason:
            reasons[version.manifest.version] = reason
    going = {version.manifest.version for version in old} - reasons.keys()
    # What one that stays was made of stays too, and so on.
    for version in versions:
        origin = _origin(version)
        if version.manifest.version not in going and origin in going:
            reasons[origin] = f"{version.manifest.tag} was made of it"
            going.discard(origin)
    return [Verdict(one, _size(one), reasons.get(one.manifest.version, "")) for one in old]


def _reason(version: Version, versions: list[Version], named: dict[str, str]) -> str:
    if version is versions[0]:
        return _NEWEST
    if reason := named.get(str(version.manifest.tag)):
        return reason
    with unused(version.directory) as is_free:
        return "" if is_free else _SERVED


def _found(store: ModelStore, named: Collection[str]) -> dict[str, str]:
    """Give the full tags of what is named, and why each stays."""
    found = dict[str, str]()
    for text in named:
        try:
            found[str(store.find(Tag.parse(text)).manifest.tag)] = f"the settings name {text}"
        except (ModelNotFound, InvalidTag):
            continue
    return found


def _origin(version: Version) -> str:
    """Give the version of the same model that one was made of; "" where it was of none."""
    manifest = version.manifest
    tag = manifest.origin.tag if manifest.origin else manifest.labels.get(SEALED_FROM, "")
    name, _, origin = tag.partition(":")
    return origin if name == manifest.name else ""


def _size(version: Version) -> int:
    return sum(path.stat().st_size for path in version.directory.iterdir())
