"""What whoever builds a bundle should know of it, in sentences."""

from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from typing import Any

from packaging.utils import canonicalize_name

from .models import Served


def remarks(
    served: Served, settings: Mapping[str, Any], imported: set[str], packages: set[str]
) -> Iterator[str]:
    """Say what may be amiss.

    Args:
        served: what the bundle serves.
        settings: those of its server.
        imported: the outermost modules of others that its code imports.
        packages: those that it brings, by their names.
    """
    if served.unsealed and not settings.get("allow_unpickling"):
        yield (
            f"{', '.join(served.unsealed)}: not sealed, so whoever serves the bundle has to allow "
            "unpickling: serve.allow_unpickling: true in learnwire.yaml"
        )
    for module, names in _distributions(imported):
        if not names & packages:
            yield (
                f"the code imports {module}, which the bundle does not bring: add "
                f"{' or '.join(sorted(names))} to build.python.packages"
            )
    if not served.unsealed and "torch" in packages:
        yield "torch is among the packages, and no model here needs it"


def _distributions(modules: set[str]) -> Iterator[tuple[str, set[str]]]:
    """Give the packages that have modules, where they are installed here."""
    known = packages_distributions()
    for module in sorted(modules):
        if names := {str(canonicalize_name(one)) for one in known.get(module, ())}:
            yield module, names
