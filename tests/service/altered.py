"""Versions that a test altered, and that are to count as the user's own all the same."""

from pathlib import Path

from learnwire_service.store import own
from learnwire_service.store.manifest import MANIFEST_FILE, AnyManifest


def write_own(manifest: AnyManifest, directory: Path) -> None:
    """Write a manifest into a version in a store, as if this user had saved it so."""
    manifest.write(directory)
    mark_own(directory)


def mark_own(directory: Path) -> None:
    """Mark a version in a store as this user's own, as it is."""
    own.mark(directory.parents[2], (directory / MANIFEST_FILE).read_bytes())
