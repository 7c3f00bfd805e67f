"""How saved versions are loaded: files checked, and what goes wrong explained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..common.choices import OnMismatch
from ..common.environment import version_differences
from ..common.errors import GoldenMismatch, UnloadableModel
from ..common.logs import get_logger
from .manifest import BaseManifest

_log = get_logger()


@contextmanager
def explained(
    manifest: BaseManifest, directory: Path, on_mismatch: OnMismatch, *, sealed: bool = False
) -> Iterator[None]:
    """Load a version inside, after its files have been checked; errors say what may be the cause.

    Args:
        manifest: the version's.
        directory: its files.
        sealed: whether only those libraries matter that a sealed model stands on.
        on_mismatch: whether GoldenMismatch is an error, or a warning in the log: then the rest
            of what is inside is left out.

    Raises:
        CorruptModel: a file is missing or was altered.
        UnloadableModel: something that it needs is not in this environment.
        GoldenMismatch: see `on_mismatch`.
    """
    manifest.check_files(directory)
    differences = "; ".join(version_differences(manifest.library_versions, sealed=sealed))
    if differences:
        _log.warning(f"{manifest.tag}: library versions differ: {differences}")
    cause = f"perhaps because of {differences}" if differences else "in the same environment"
    try:
        yield
    except (UnloadableModel, GoldenMismatch) as error:
        explanation = f"{manifest.tag} does not load as it was saved: {error} ({cause})"
        if isinstance(error, UnloadableModel) or on_mismatch == "refuse":
            raise type(error)(explanation) from error
        _log.warning(explanation)
