"""Lets fastai be imported without the libraries that only training uses.

fastai imports scikit-learn and SciPy for its metrics and for splitting data. That takes nearly
as long as torch does, and 65 MB, in a process that only predicts.
"""

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def import_fastai() -> None:
    """Import fastai; it imports scikit-learn and SciPy when it first uses something of them.

    Whoever else imports them is given the real ones. Where fastai or one of them is there
    already, there is nothing to save.
    """
    if {"fastai", "scipy", "sklearn"} & sys.modules.keys():
        return
    sys.modules.update(_stand_ins())
    try:
        importlib.import_module("fastai.basics")
    finally:
        _give_way()


def _stand_ins() -> dict[str, ModuleType]:
    metrics = _StandIn("sklearn.metrics")
    found = [
        _StandIn("scipy.ndimage"),
        _StandIn("scipy.stats"),
        _StandIn("sklearn", metrics=metrics),
        metrics,
        # fastai asks for this function by name, and Python then for the path.
        _StandIn("sklearn.model_selection", train_test_split=_train_test_split, __path__=[]),
    ]
    return {module.__name__: module for module in found}


class _StandIn(ModuleType):
    """Stands for a module until something of it is used."""

    def __init__(self, name: str, **held: Any) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)
        vars(self).update(held)

    def __getattr__(self, name: str) -> Any:
        # Whoever imports something below a package asks for its path.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name)
        return getattr(_real(self.__name__), name)

    def __reduce__(self) -> tuple[Any, ...]:
        return importlib.import_module, (self.__name__,)


def _train_test_split(*arrays: Any, **options: Any) -> Any:
    return _real("sklearn.model_selection").train_test_split(*arrays, **options)


def _real(name: str) -> ModuleType:
    _give_way()
    return importlib.import_module(name)


def _give_way() -> None:
    for name, module in list(sys.modules.items()):
        if isinstance(module, _StandIn):
            del sys.modules[name]
