"""conda's environment: what comes from its channels, and by pip what does not."""

import re

import yaml  # type: ignore[import-untyped]
from packaging.utils import canonicalize_name

from ..common.build_settings import CondaSettings
from .lock import LOCK

CONDA_FILE = "environment.yml"

# What packages of PyPI are called there, where that is something else.
_PYPI_NAMES = {"pytorch": "torch", "pytorch-cpu": "torch", "pytorch-gpu": "torch"}
_DEPENDENCY = re.compile(r"(?:[^:\s]+::)?(?P<name>[A-Za-z0-9_.-]+)(\s*==?\s*(?P<pin>[0-9][\w.]*))?")


def provided(conda: CondaSettings) -> dict[str, str]:
    """Give what conda brings, by the names of PyPI, and the versions where they are said."""
    found: dict[str, str] = {}
    for one in filter(None, map(_DEPENDENCY.match, conda.dependencies)):
        name = canonicalize_name(one["name"])
        found[_PYPI_NAMES.get(name, name)] = f"{one['pin']}.*" if one["pin"] else ""
    return found


def environment(name: str, python: str, conda: CondaSettings) -> str:
    """Give `environment.yml`: its own dependencies, then the lock by pip."""
    said = provided(conda)
    own = [one for one in (f"python={python}", "pip") if one.partition("=")[0] not in said]
    content = {
        "name": name,
        "channels": [*conda.channels],
        "dependencies": [*own, *conda.dependencies, {"pip": [f"-r {LOCK}"]}],
    }
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return text
