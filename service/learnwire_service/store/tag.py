"""Tags: how a model and one of its versions are named."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ..common.errors import InvalidTag, ModelNotFound

LATEST = "latest"
# What health calls the process, beside its models.
LIVENESS = "liveness"

_MAX_LENGTH = 63
_SEALED = "-sealed"
# Of the store's own files beside models and versions.
_FILE = ".json"
_NAME = re.compile(r"[a-z0-9]([-._a-z0-9]*[a-z0-9])?")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Tag:
    """`name` or `name:version`; the version may be `latest` or a prefix where one is sought.

    Usage: `Tag.parse("penguins:k3f9")`

    Raises:
        InvalidTag: name or version is not lower case letters, digits and inner `-._`,
            or longer than 63.
    """

    name: str
    version: str | None = None

    def __post_init__(self) -> None:
        _check("name", self.name)
        if self.version is not None:
            _check("version", self.version)

    @classmethod
    def parse(cls, text: str) -> "Tag":
        """Read a tag as people write it."""
        name, colon, version = text.partition(":")
        return cls(name, version if colon else None)

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}:{self.version}"


def new_version() -> str:
    """Make up a version: ten random characters, so that a short prefix is unique."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))


def new_tag(name: str) -> Tag:
    """Give the tag of a version to be saved, from `name` or `name:version`.

    Raises:
        InvalidTag: the name is no string, malformed or `liveness`, the version is `latest`, or one
            of them ends as a file of the store does.
    """
    if not isinstance(name, str):
        raise InvalidTag(f'the model\'s name comes first, as "penguins"; got {type(name).__name__}')
    tag = Tag.parse(name)
    if tag.name == LIVENESS:
        raise InvalidTag(f'"{LIVENESS}" is how health calls the process: give another name')
    if tag.version == LATEST:
        raise InvalidTag(f'"{LATEST}" means the newest version and cannot be the name of one')
    if tag.name.endswith(_FILE) or (tag.version or "").endswith(_FILE):
        raise InvalidTag(f'"{tag}" ends in {_FILE}, as files of the store do: leave that out')
    return Tag(tag.name, tag.version or new_version())


def sealed_version(version: str) -> str:
    """Name the copy of a version that leaves its pickles behind."""
    return version[: _MAX_LENGTH - len(_SEALED)] + _SEALED


def pick_version(tag: Tag, versions: Sequence[str]) -> str:
    """Find the version that a tag means.

    Args:
        tag: without a version or with `latest` it means the newest; else a whole
            version, one whose sealed copy there is, or a prefix of only one.
        versions: those there are, newest first.

    Raises:
        ModelNotFound: none fits.
        InvalidTag: the prefix fits several.
    """
    if not versions:
        raise ModelNotFound(f'there is no model "{tag.name}"')
    if tag.version is None or tag.version == LATEST:
        return versions[0]
    for whole in (tag.version, sealed_version(tag.version)):
        if whole in versions:
            return whole
    fitting = [version for version in versions if version.startswith(tag.version)]
    if not fitting:
        raise ModelNotFound(
            f'model "{tag.name}" has no version "{tag.version}"; the newest is "{versions[0]}"'
        )
    if len(fitting) > 1:
        raise InvalidTag(
            f'the prefix "{tag.version}" fits {len(fitting)} versions of model "{tag.name}" '
            f"({', '.join(sorted(fitting)[:5])}); write more of it"
        )
    return fitting[0]


def _check(what: str, text: str) -> None:
    if len(text) > _MAX_LENGTH or not _NAME.fullmatch(text):
        raise InvalidTag(
            f"a model's {what} has 1 to {_MAX_LENGTH} lower case letters, digits and inner -._; "
            f'got "{text[:80]}"'
        )
