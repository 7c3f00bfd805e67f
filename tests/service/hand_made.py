"""Versions made by hand, for a store that holds no learner.

Usage: `python hand_made.py TAG` saves one, waiting for a line of input before it is published.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from learnwire_service import VersionExists
from learnwire_service.signature.specs import Signature, SingleLabelOutput, TextInput
from learnwire_service.store.manifest import File, Manifest
from learnwire_service.store.store import ModelStore
from learnwire_service.store.tag import Tag

SIGNATURE = Signature(input=TextInput(), output=SingleLabelOutput(classes=("no", "yes")))
DATA_FILE, MORE_FILE = "data.bin", "more.bin"


def created(age: int) -> datetime:
    """Tell when a version made by hand that is `age` days old was created."""
    return datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=age)


def fill(
    directory: Path,
    tag: Tag,
    age: int = 0,
    signature: Signature = SIGNATURE,
    data: bytes | None = None,
    more: bytes | None = None,
) -> None:
    """Make a version in `directory` that is `age` days old."""
    (directory / DATA_FILE).write_bytes(str(tag).encode() if data is None else data)
    if more is not None:
        (directory / MORE_FILE).write_bytes(more)
    Manifest(
        name=tag.name,
        version=tag.version or "",
        created=created(age),
        signature=signature,
        adapter="text",
        verified=False,
        labels={},
        metadata={},
        library_versions={},
        files={path.name: File.of(path) for path in sorted(directory.iterdir())},
    ).write(directory)


def save(store: ModelStore, text: str, age: int = 0, signature: Signature = SIGNATURE) -> Tag:
    """Save a version made by hand."""
    tag = Tag.parse(text)
    with store.saving(tag) as directory:
        fill(directory, tag, age, signature)
    return tag


def _save_when_told(tag: Tag) -> str:
    try:
        with ModelStore().saving(tag) as directory:
            fill(directory, tag)
            sys.stdout.write("filled\n")
            sys.stdout.flush()
            sys.stdin.readline()
    except VersionExists:
        return "exists"
    return "saved"


if __name__ == "__main__":
    sys.stdout.write(_save_when_told(Tag.parse(sys.argv[1])) + "\n")
