"""Saved models as a list: a line for each, of which nothing is cut."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from learnwire_client.page import aligned

from ..signature.page import in_line, kind_of
from ..store.manifest import AnyManifest, TorchManifest

_UNITS = ("B", "KiB", "MiB", "GiB")


@dataclass(frozen=True)
class Listed:
    """What a list tells of a version.

    Attributes:
        tag: its name and version.
        created: when it was saved, UTC.
        size: of its files together, in bytes.
        takes: what it takes, in a word.
        answers: what it answers, in a word or two.
        verified: whether golden examples are kept with it.
        sealed: whether a recipe answers; None where it was saved before that was tried.
        labels: its labels.
        metadata: its metadata.
    """

    tag: str
    created: str
    size: int
    takes: str
    answers: str
    verified: bool
    sealed: bool | None
    labels: dict[str, str]
    metadata: dict[str, Any]

    @classmethod
    def of(cls, manifest: AnyManifest) -> Self:
        """Read it off a manifest."""
        takes, answers = _kinds(manifest)
        return cls(
            tag=str(manifest.tag),
            created=f"{manifest.created:%Y-%m-%dT%H:%M:%SZ}",
            size=sum(file.size for file in manifest.files.values()),
            takes=takes,
            answers=answers,
            verified=manifest.verified,
            sealed=_sealed(manifest),
            labels=manifest.labels,
            metadata=manifest.metadata,
        )


def lines(models: Sequence[Listed]) -> Iterator[str]:
    """Give a head, and the line of each model."""
    return aligned([tuple(Listed.__dataclass_fields__), *map(_cells, models)])


def _cells(one: Listed) -> tuple[str, ...]:
    sealed = "not yet" if one.sealed is None else _yes(one.sealed)
    facts = (one.tag, one.created, size_text(one.size), one.takes, one.answers, _yes(one.verified))
    return (*facts, sealed, _pairs(one.labels), _pairs(one.metadata))


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def size_text(size: float) -> str:
    """Write a number of bytes for people."""
    power = 0
    while size >= 1000 and power < len(_UNITS) - 1:
        size, power = size / 1024, power + 1
    return f"{size:.3g} {_UNITS[power]}"


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{in_line(key)}={in_line(value)}" for key, value in values.items()) or "-"


def _kinds(manifest: AnyManifest) -> tuple[str, str]:
    if isinstance(manifest, TorchManifest):
        return "arrays", "arrays"
    signature = manifest.signature
    return kind_of(signature.input), signature.output.kind.replace("_", " ")


def _sealed(manifest: AnyManifest) -> bool | None:
    if isinstance(manifest, TorchManifest):
        return False
    return None if manifest.sealed is None else manifest.is_sealed
