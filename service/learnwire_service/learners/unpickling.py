"""Reads pickles of learners that other systems, Pythons, notebooks and fastai 2.7 made."""

import pathlib
import pickle
from collections.abc import Iterator
from typing import Any

import fasttransform
from fasttransform import Pipeline, Transform

from .absent import Absent, absent

# What torch takes for a pickle's module.
load, loads, dump, dumps = pickle.load, pickle.loads, pickle.dump, pickle.dumps
UnpicklingError, Pickler = pickle.UnpicklingError, pickle.Pickler

# Until fastai 2.8 these were in fastcore.
_MOVED = {"fastcore.transform", "fastcore.dispatch"}


class Unpickler(pickle.Unpickler):
    """Finds what a pickle refers to, under the name that it has here; else makes a stand-in."""

    def find_class(self, module: str, name: str) -> Any:
        """Find it; see the class."""
        if module.split(".")[0] == "pathlib":
            # Each system has its own; Python 3.13 calls the module otherwise.
            return _path(name)
        if (module, name) in _OLD:
            return _OLD[module, name]
        try:
            if module in _MOVED:
                return getattr(fasttransform, name)
            return super().find_class(module, name)
        except (ImportError, AttributeError) as error:
            return absent(module, name, error)


class _OldDispatch:
    """A function by the types of its first arguments, as fastai 2.7 kept it."""

    def __init__(self) -> None:
        self.funcs = _OldTypes()

    def functions(self) -> list[Any]:
        """Give its functions, each once."""
        found = [one for by_second in self.funcs.d.values() for one in by_second.d.values()]
        return list(dict.fromkeys(found))


class _OldTypes:
    """What there is for each type."""

    def __init__(self) -> None:
        self.d: dict[Any, Any] = {}


_OLD: dict[tuple[str, str], Any] = {
    ("fastcore.dispatch", "TypeDispatch"): _OldDispatch,
    ("fastcore.dispatch", "_TypeDict"): _OldTypes,
}


def modernise(learner: Any) -> None:
    """Bring the transforms of a learner of fastai 2.7 to the form that they have today."""
    for transform in _transforms(learner.dls):
        if isinstance(transform, Transform) and any(map(_is_old, vars(transform).values())):
            _make_anew(transform)


def _path(name: str) -> Any:
    here = type(pathlib.Path())
    if name in ("PosixPath", "WindowsPath"):
        return here
    return getattr(pathlib, name)


def _transforms(dls: Any) -> Iterator[Any]:
    for loader in dls.loaders:
        for holder in (loader, loader.dataset, *getattr(loader.dataset, "tls", ())):
            for part in getattr(holder, "__dict__", {}).values():
                if isinstance(part, Pipeline):
                    yield from part.fs


def _is_old(part: Any) -> bool:
    return isinstance(part, _OldDispatch)


def _make_anew(transform: Any) -> None:
    """Make it anew of the functions that it was made of; what else it knows stays."""
    old = {name: one for name, one in vars(transform).items() if _is_old(one)}
    known = {name: one for name, one in vars(transform).items() if name not in old}
    functions = [
        [_callable(one) for one in old[name].functions()] if name in old else []
        for name in ("encodes", "decodes")
    ]
    # One alone also tells the transform's name and order.
    encodes, decodes = (one[0] if len(one) == 1 else one or None for one in functions)
    vars(transform).clear()
    Transform.__init__(transform, encodes, decodes)
    vars(transform).update(known)


def _callable(function: Any) -> Any:
    """Give a function; a stand-in, which is a class, in one."""
    if not (isinstance(function, type) and issubclass(function, Absent)):
        return function

    def stand_in(*args: Any) -> Any:
        return function(*args)

    stand_in.__name__ = function.__name__
    return stand_in
