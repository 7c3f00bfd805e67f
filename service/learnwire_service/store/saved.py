"""What all saved versions have in common, whatever they are of."""

from typing import Any, Generic, TypeVar

from learnwire_client.page import as_html

from .manifest import AnyManifest
from .page import manifest_page
from .store import Version

M = TypeVar("M", bound=AnyManifest)


class Saved(Generic[M]):
    """A saved version: what its manifest says, and where its files are.

    Attributes:
        version: what the store has of it.
        manifest: as it was saved.
        directory: has its files.
    """

    def __init__(self, version: Version, kind: type[M]) -> None:
        assert isinstance(version.manifest, kind)  # noqa: S101 - whoever makes it knows
        self.version = version
        self.manifest: M = version.manifest
        self.directory = version.directory

    @property
    def tag(self) -> str:
        """The full tag, `name:version`."""
        return str(self.manifest.tag)

    @property
    def labels(self) -> dict[str, str]:
        """The labels that it was saved with."""
        return self.manifest.labels

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata that it was saved with."""
        return self.manifest.metadata

    def _repr_html_(self) -> str:
        return as_html(manifest_page(self.manifest))
