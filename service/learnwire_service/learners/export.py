"""Writes a learner to disk and reads it back."""

import pickle
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.fp16 import MixedPrecision, ModelToHalf, NonNativeMixedPrecision
from fastai.callback.progress import ProgressCallback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn

from ..errors import NotServable, UnloadableModel
from .torchvision_operators import cured

_TRAINING_ONLY = (
    ChannelsLast,
    MixedPrecision,
    ModelToHalf,
    NonNativeMixedPrecision,
    ProgressCallback,
)


def export(learner: Any, path: Path) -> None:
    """Write a learner without its data to `path`; whatever happens, the live one stays as it was.

    Raises:
        NotServable: something in the learner cannot be pickled.
    """
    with _kept_intact(learner):
        try:
            learner._end_cleanup()
            learner.dls, learner.opt = _without_data(learner.dls), None
            torch.save(learner, path, pickle_module=cloudpickle)
        except Exception as error:
            raise NotServable(
                f"the learner cannot be pickled ({error}); replace what holds open files, locks, "
                "generators or lambdas in its transforms and callbacks"
            ) from error


def load(path: Path) -> Any:
    """Read a learner for prediction: on the CPU, in fp32, without progress bars.

    fastai's own `load_learner` loses the name of a module that is missing. The weights stay in
    the file, which is mapped: what is never read of them takes no memory, and the processes that
    serve a model share the rest. So the file must not be written to while the learner lives.

    Raises:
        UnloadableModel: it is no learner, or something that it needs is not in this environment.
    """
    try:
        learner = cured(partial(_read, path))
    except (pickle.UnpicklingError, EOFError) as error:
        raise UnloadableModel(f"{path.name} is no export of a Learner") from error
    except (ImportError, AttributeError, RuntimeError) as error:
        raise UnloadableModel(str(error)) from error
    if isinstance(learner, nn.Module):
        raise UnloadableModel(
            f"{path.name} holds a torch module, not a Learner; save it from Python with "
            "save_torch_model"
        )
    if not isinstance(learner, Learner):
        raise UnloadableModel(f"{path.name} holds a {type(learner).__name__}, not a Learner")
    learner.remove_cbs([cb for cb in learner.cbs if isinstance(cb, _TRAINING_ONLY)])
    learner.dls.cpu()
    for loader in learner.dls.loaders:
        # Worker processes would be started anew for each prediction of a table.
        if hasattr(loader, "fake_l"):
            loader.fake_l.num_workers = 0
    learner.model.float().to(memory_format=torch.contiguous_format)
    return learner


def _read(path: Path) -> Any:
    # What torch wrote before 1.6 is no zip file, and cannot be mapped.
    mapped = zipfile.is_zipfile(path)
    return torch.load(path, map_location="cpu", weights_only=False, mmap=mapped)


@contextmanager
def _kept_intact(learner: Any) -> Iterator[None]:
    """Give back what is laid aside for the export: the data and the optimizer."""
    dls, optimizer = learner.dls, learner.opt
    try:
        yield
    finally:
        learner.dls, learner.opt = dls, optimizer


def _without_data(dls: Any) -> Any:
    """Make loaders with the same transforms and no items, also of plain data sets."""
    if all(hasattr(loader.dataset, "new_empty") for loader in dls.loaders):
        return dls.new_empty()
    emptied = DataLoaders(*[loader.new(dataset=[]) for loader in dls.loaders])
    emptied.n_inp = dls.n_inp
    return emptied


@contextmanager
def pickled_by_value(modules: Iterable[ModuleType]) -> Iterator[None]:
    """Write these modules' functions and classes into what is pickled inside.

    So they need not be installed where it is loaded.
    """
    with ExitStack() as stack:
        for module in modules:
            cloudpickle.register_pickle_by_value(module)
            stack.callback(cloudpickle.unregister_pickle_by_value, module)
        yield
