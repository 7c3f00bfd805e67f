"""Exports as other systems, Pythons, notebooks and fastai 2.7 write them."""

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

from fasttransform import Pipeline, Transform
from plum import Function

_PurePickler: Any = pickle._Pickler

# What an object is called elsewhere.
Names = Mapping[Any, tuple[str, str]]


class TypeDict:
    """fastai 2.7 keeps functions by types in such."""

    def __init__(self, by_type: dict[Any, Any]) -> None:
        self.d, self.cache = by_type, {object: [len]}


class TypeDispatch:
    """A transform's method in fastai 2.7."""

    def __init__(self, *functions: Any) -> None:
        self.funcs = TypeDict({object: TypeDict(dict(zip((object, int), functions, strict=False)))})
        self.inst = self.owner = None


OLD: Names = {
    Transform: ("fastcore.transform", "Transform"),
    Pipeline: ("fastcore.transform", "Pipeline"),
    TypeDispatch: ("fastcore.dispatch", "TypeDispatch"),
    TypeDict: ("fastcore.dispatch", "_TypeDict"),
}


def export(learner: Any, path: Path, names: Names = {}, *, old: bool = False) -> Path:  # noqa: B006
    """Export a learner with plain pickle, by other names, perhaps as fastai 2.7 did."""
    found = {**names, **(OLD if old else {})}

    class Pickler(_PurePickler):  # type: ignore[misc]  # unknown to its stubs
        def save_global(self, obj: Any, name: str | None = None) -> None:
            if isinstance(obj, type | FunctionType) and obj in found:
                module, name = found[obj]
                self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
                self.memoize(obj)
            else:
                super().save_global(obj, name)

        dispatch = {**_PurePickler.dispatch, FunctionType: save_global}  # noqa: RUF012

        def reducer_override(self, obj: Any) -> Any:
            if not (old and isinstance(obj, Transform)):
                return NotImplemented
            return Transform.__new__, (type(obj),), {**vars(obj), **dict(_old_methods(obj))}

    learner.path = path.parent
    learner.export(path.name, pickle_module=SimpleNamespace(__name__="elsewhere", Pickler=Pickler))
    return path


def _old_methods(transform: Any) -> Iterator[tuple[str, Any]]:
    for name, method in vars(transform).items():
        if isinstance(method, Function):
            yield name, TypeDispatch(*(one.implementation for one in method.methods))
