"""Writes a learner to disk and reads it back."""

import pickle
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import IOBase
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

from ..common.errors import NotServable, UnloadableModel, in_a_line
from . import unpickling
from .absent import Absent
from .torchvision_operators import cured
from .unpickling import modernise

# The callbacks of these tell a service of training, whose library need not be here.
_REPORTS = {f"fastai.callback.{name}" for name in ("azureml", "comet", "tensorboard", "wandb")}
_OLD_CURE = (
    "; it was exported by fastai 2.7 or older, of which not all can be read: where that is "
    "installed, learner.save the weights, and learner.load them into a Learner built here"
)
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

    It may come from another system, or from fastai 2.7. Code that it refers to and that is not
    here need not be: it is told where prediction asks for it. Callbacks that report to services
    such as Weights & Biases are taken off.

    The weights stay in the file, which is mapped: what is never read of them takes no memory, and
    the processes that serve a model share the rest. So the file must not be written to while the
    learner lives.

    Raises:
        UnloadableModel: it is no learner, or something that it needs is not in this environment.
    """
    try:
        learner = cured(partial(_read, path))
        _check_learner(learner)
        _take_off_reports(learner)
        _check_present(learner)
        return _ready(learner)
    except (pickle.UnpicklingError, EOFError) as error:
        raise UnloadableModel(f"{path.name} is no export of a Learner") from error
    except Exception as error:
        why = str(error) if isinstance(error, UnloadableModel) else in_a_line(error)
        cure = _OLD_CURE if _is_old(path) else ""
        raise UnloadableModel(f"{path.name} does not load: {why}{cure}") from error


def _read(path: Path) -> Any:
    # What torch wrote before 1.6 is no zip file, and cannot be mapped.
    mapped = zipfile.is_zipfile(path)
    return torch.load(
        path, map_location="cpu", weights_only=False, mmap=mapped, pickle_module=unpickling
    )


def _is_old(path: Path) -> bool:
    """Tell whether fastai 2.7 or an older one wrote a file."""
    if not zipfile.is_zipfile(path):
        return True
    with zipfile.ZipFile(path) as file:
        pickles = [name for name in file.namelist() if name.endswith("/data.pkl")]
        return any(b"fastcore.transform" in file.read(name) for name in pickles)


def _check_learner(found: Any) -> None:
    if isinstance(found, Absent):
        raise UnloadableModel(found.told)
    if isinstance(found, nn.Module):
        raise UnloadableModel(
            "it holds a torch module, not a Learner; save it from Python with save_torch_model"
        )
    if isinstance(found, dict):
        raise UnloadableModel(
            "it holds weights, not a Learner; build the Learner, learner.load them, and save that"
        )
    if not isinstance(found, Learner):
        raise UnloadableModel(f"it holds a {type(found).__name__}, not a Learner")


def _take_off_reports(learner: Any) -> None:
    """Take off the callbacks that report on training, and would ask for their service's library."""
    reports = [cb for cb in learner.cbs if type(cb).__module__ in _REPORTS]
    learner.cbs = learner.cbs.filter(lambda cb: cb not in reports)
    for name in [name for name, part in vars(learner).items() if part in reports]:
        delattr(learner, name)


def _check_present(learner: Any) -> None:
    """Check that nothing is missing that takes part in each prediction, or could."""
    parts = [learner.dls, learner.loss_func, *learner.cbs, learner.model]
    if isinstance(learner.model, nn.Module):
        parts += learner.model.modules()
    for part in parts:
        if isinstance(part, Absent):
            raise UnloadableModel(part.told)


def _ready(learner: Any) -> Any:
    modernise(learner)
    learner.remove_cbs([cb for cb in learner.cbs if isinstance(cb, _TRAINING_ONLY)])
    learner.dls.cpu()
    for loader in learner.dls.loaders:
        # Worker processes would be started anew for each prediction of a table.
        if hasattr(loader, "fake_l"):
            loader.fake_l.num_workers = 0
    learner.model.float().to(memory_format=torch.contiguous_format)
    return learner


@contextmanager
def _kept_intact(learner: Any) -> Iterator[None]:
    """Lay aside the files that callbacks write to; give them back, and data and optimizer."""
    dls, optimizer = learner.dls, learner.opt
    files = [(vars(cb), *item) for cb in learner.cbs for item in vars(cb).items() if _is_file(item)]
    for attributes, name, _ in files:
        del attributes[name]
    try:
        yield
    finally:
        learner.dls, learner.opt = dls, optimizer
        for attributes, name, file in files:
            attributes[name] = file


def _is_file(attribute: tuple[str, Any]) -> bool:
    return isinstance(attribute[1], IOBase)


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
