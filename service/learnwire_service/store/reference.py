"""What to serve, as the command line names it: a saved model, or a service in users' code.

Nothing is imported to tell which: a supervisor asks, who runs no user's code.
"""

import os
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder

from ..common.errors import InvalidTag, ModelNotFound, ServiceNotFound
from .store import ModelStore, Version
from .tag import Tag

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
    except (ModelNotFound, InvalidTag) as error:
        file = served.removesuffix(":")
        if file.endswith(_SUFFIX):
            raise ServiceNotFound(f"{file}: which service of it? name it, as {file}:svc") from None
        if _is_module(place):
            return reference
        if not _looks_like_module(place):
            raise
        outermost = place.partition(".")[0]
        raise type(error)(
            f"{error}; nor is there a module {place}: {outermost} is neither in this folder nor "
            "installed"
        ) from None


def may_be_service(served: str) -> bool:
    """Tell whether what is no saved model may be a service: a file, or a module that is there."""
    return served.removesuffix(":").endswith(_SUFFIX) or _is_module(served.rpartition(":")[0])


def _is_module(place: str) -> bool:
    """Tell whether there may be such a module, by its outermost package."""
    outermost = place.partition(".")[0]
    path = [os.getcwd(), *sys.path]
    return _looks_like_module(place) and PathFinder.find_spec(outermost, path) is not None


def _looks_like_module(place: str) -> bool:
    return all(part.isidentifier() for part in place.split("."))
