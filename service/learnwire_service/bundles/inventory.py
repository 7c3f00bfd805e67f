"""The bill of materials: the packages of the lock as CycloneDX, for scanners."""

from pathlib import Path

from .tools import run

INVENTORY = "sbom.cdx.json"


def inventory(lock: Path) -> str:
    """Give it, as JSON; the same lock gives the same.

    Raises:
        ToolMissing: cyclonedx-bom is not installed.
    """
    return run(
        "cyclonedx_py",
        "requirements",
        "--output-reproducible",
        "--no-validate",
        "--of",
        "JSON",
        lock,
    )
