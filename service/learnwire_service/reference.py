"""What to serve, as the command line names it: a saved model, or a service in users' code.

Nothing is imported to tell which: a supervisor asks, who runs no user's code.
"""

import os
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder

from .errors import InvalidTag, ModelNotFound, ServiceNotFound
from .store.store import ModelStore, Version
from .store.tag import Tag

_SUFFIX = ".py"


@dataclass(frozen=True)
class Reference:
    """Where a service is: `service.py:svc` or `package.module:svc`.

    Attributes:
        place: the file or the module.
        name: the service's name there.
    """

    place: str
    name: str

    @property
    def is_file(self) -> bool:
        """Whether the place is a file."""
        return self.place.endswith(_SUFFIX)

    def __str__(self) -> str:
        return f"{self.place}:{self.name}"


def find(served: str) -> Version | Reference:
    """Tell what is meant: a file by its suffix, else a saved model, else a module.

    Raises:
        ServiceNotFound: it is a file, without a service's name.
        ModelNotFound: there is no such model, and no module.
        InvalidTag: it is malformed, or fits several versions, and there is no module.
    """
    place, _, name = served.rpartition(":")
    reference = Reference(place, name)
    if reference.is_file and name:
        return reference
    try:
        return ModelStore().find(Tag.parse(served))
    except (ModelNotFound, InvalidTag):
        file = served.removesuffix(":")
        if file.endswith(_SUFFIX):
            raise ServiceNotFound(f"{file}: which service of it? name it, as {file}:svc") from None
        if not _is_module(place):
            raise
        return reference


def _is_module(place: str) -> bool:
    """Tell whether there may be such a module, by its outermost package."""
    outermost, *inner = place.split(".")
    if not all(part.isidentifier() for part in (outermost, *inner)):
        return False
    return PathFinder.find_spec(outermost, [os.getcwd(), *sys.path]) is not None
