"""What counts as installed: what Python or the environment has, not the folders where one works."""

import sys
import sysconfig
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

# Where the modules come from that are part of the interpreter itself.
_OF_PYTHON = ("built-in", "frozen")


def is_installed(module: str) -> bool:
    """Tell whether a module would be imported out of an installed package; nothing is imported.

    Usage: `is_installed("torchvision.models")`
    """
    top = module.partition(".")[0]
    if top == "__main__" or not top.isidentifier():
        return False
    try:
        known = sys.modules.get(top)
        spec = known.__spec__ if known is not None else find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    return spec is not None and _is_there(spec)


def _is_there(spec: ModuleSpec) -> bool:
    if spec.origin in _OF_PYTHON:
        return True
    places = [
        *(spec.submodule_search_locations or ()),
        *([spec.origin] if spec.has_location else []),
    ]
    roots = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
    roots += [Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")]
    found = [Path(str(place)).resolve() for place in places]
    return bool(found) and all(any(one.is_relative_to(root) for root in roots) for one in found)
