"""Stand-ins for what a pickle refers to and is not here: it may be that only training needs it."""

from typing import Any

from ..common.errors import UnloadableModel


class _Undefined(UnloadableModel, AttributeError):
    """Raised where something is asked of a stand-in's object that only the real one knows."""


class _Calling(type):
    """Lets a stand-in be told where it is called, be it for a function or for a class."""

    told: str

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise UnloadableModel(cls.told)


class Absent(metaclass=_Calling):
    """What stands for something that is not here: for a function itself, for a class its children.

    It can be unpickled, kept and pickled again, and used for nothing else.

    Attributes:
        told: what is missing, and what to do about it.
    """

    told = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an object out of a pickle, where the class itself is not called."""
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)

    def __getattr__(self, name: str) -> Any:
        raise _Undefined(type(self).told)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse."""
        raise UnloadableModel(type(self).told)


def absent(module: str, name: str, error: Exception) -> type[Absent]:
    """Make a stand-in for what a module should have, and does not, or is not there itself."""
    if module == "__main__":
        told = (
            f"it refers to {name} of the script or notebook that exported it, which is not defined "
            f"here; define or import {name} before you load it, or export it again with fastai "
            "2.8, which writes such code into the file"
        )
    elif isinstance(error, AttributeError):
        told = (
            f"it refers to {module}.{name}, which is not in {module} here; install the version of "
            "it that it was exported with"
        )
    else:
        told = f"it refers to {module}.{name}, which cannot be imported here: {error}; install it"
    return type(name, (Absent,), {"__module__": module, "told": told})
