"""Writes a learner to disk and reads it back."""

import pickle
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
from fastai.callback.progress import ProgressCallback
from fastai.learner import load_learner

from ..errors import NotServable, UnloadableModel
from .torchvision_operators import import_torchvision


def export(learner: Any, path: Path, external_modules: Iterable[ModuleType] = ()) -> None:
    """Write a learner without its data to `path`; whatever happens, the live one stays as it was.

    Args:
        learner: the learner.
        path: the file to write.
        external_modules: modules whose functions and classes are written into the
            file, so that they need not be there where it is loaded.

    Raises:
        NotServable: something in the learner cannot be pickled.
    """
    with _kept_intact(learner), _pickled_by_value(external_modules):
        try:
            learner.export(path.absolute(), pickle_module=cloudpickle)
        except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
            raise NotServable(
                f"the learner cannot be pickled ({error}); replace what holds open files, locks, "
                "generators or lambdas in its transforms and callbacks"
            ) from error


def load(path: Path) -> Any:
    """Read a learner for prediction: on the CPU, in fp32, without progress bars.

    Raises:
        UnloadableModel: something that it needs is not in this environment.
    """
    try:
        learner = _unpickle(path)
    except (pickle.UnpicklingError, EOFError) as error:
        raise UnloadableModel(f"{path.name} is no export of a Learner") from error
    except (ImportError, AttributeError, UnboundLocalError, RuntimeError) as error:
        # fastai hides a missing module behind an unbound name.
        cause = error.__context__ if isinstance(error, UnboundLocalError) else error
        raise UnloadableModel(f"{cause or error}") from error
    learner.remove_cbs([cb for cb in learner.cbs if isinstance(cb, ProgressCallback)])
    learner.model.float()
    return learner


def _unpickle(path: Path) -> Any:
    with warnings.catch_warnings():
        # fastai warns of pickle at each load; the store has checked the file's digest.
        warnings.filterwarnings("ignore", message=".*insecure pickle")
        try:
            return load_learner(path, cpu=True)
        except RuntimeError as error:
            if "torchvision::" not in str(error):
                raise
            import_torchvision()
            return load_learner(path, cpu=True)


@contextmanager
def _kept_intact(learner: Any) -> Iterator[None]:
    """Undo what fastai's export leaves behind when it fails: empty dls, no optimizer."""
    dls, optimizer = learner.dls, learner.opt
    try:
        yield
    finally:
        learner.dls, learner.opt = dls, optimizer


@contextmanager
def _pickled_by_value(modules: Iterable[ModuleType]) -> Iterator[None]:
    with ExitStack() as stack:
        for module in modules:
            cloudpickle.register_pickle_by_value(module)
            stack.callback(cloudpickle.unregister_pickle_by_value, module)
        yield
