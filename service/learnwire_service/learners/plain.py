"""Tells whether a learner predicts as fastai's own do, without anything of its own on the way."""

from collections.abc import Collection, Iterable
from typing import Any

from fastai.callback.core import TrainEvalCallback, event
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.progress import CSVLogger, ProgressCallback
from fastai.callback.tracker import (
    EarlyStoppingCallback,
    ReduceLROnPlateau,
    SaveModelCallback,
    TerminateOnNaNCallback,
    TrackerCallback,
)
from fastai.callback.training import BnFreeze, GradientAccumulation, GradientClip
from fastai.learner import CastToTensor, Learner, Recorder
from fastai.tabular.learner import TabularLearner
from fastai.text.learner import TextLearner
from torch import nn

from .plan import Unplanned

_LEARNERS = (Learner, TabularLearner, TextLearner)
# None of them changes what a model is given or gives at prediction.
_CALLBACKS = (
    BnFreeze,
    CSVLogger,
    CastToTensor,
    CutMix,
    EarlyStoppingCallback,
    GradientAccumulation,
    GradientClip,
    MixUp,
    ProgressCallback,
    Recorder,
    ReduceLROnPlateau,
    SaveModelCallback,
    TerminateOnNaNCallback,
    TrackerCallback,
    TrainEvalCallback,
)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def check_plain_learner(learner: Any, also: Collection[type] = ()) -> None:
    """Check that a learner's answers are its model's, activated and decoded by its loss.

    Args:
        learner: the learner.
        also: the callbacks that the plan knows besides those that change no prediction.

    Raises:
        Unplanned: it may do more; the message names what.
    """
    if type(learner) not in _LEARNERS:
        raise Unplanned(f"its class {type(learner).__name__} is not fastai's")
    for name in vars(learner):
        if callable(getattr(Learner, name, None)):
            raise Unplanned(f"it has a {name} of its own")
    for callback in learner.cbs:
        _check_callback(callback, also)
    if not any(type(callback) is TrainEvalCallback for callback in learner.cbs):
        raise Unplanned("no TrainEvalCallback turns its dropout off")
    for name, module in learner.model.named_modules():
        check_unchanged(module, name)


def check_unchanged(module: nn.Module, name: str) -> None:
    """Check that nothing was hung on a module that its class does not say.

    Raises:
        Unplanned: there is a hook, or a `forward` of its own.
    """
    where = f'"{name}"' if name else "the model"
    if any(getattr(module, hooks) for hooks in _HOOKS):
        raise Unplanned(f"{where} has a forward hook")
    if "forward" in vars(module):
        raise Unplanned(f"{where} has a forward of its own")


def check_types(parts: Iterable[tuple[Any, tuple[type, ...]]]) -> None:
    """Check that each part of a learner's loading is of one of the types that a plan knows.

    Raises:
        Unplanned: one is of another, perhaps a subclass.
    """
    for part, known in parts:
        if type(part) not in known:
            raise Unplanned(f"its {known[0].__name__} is a {type(part).__name__}")


def _check_callback(callback: Any, also: Collection[type]) -> None:
    name = type(callback).__name__
    if type(callback) not in _CALLBACKS and type(callback) not in also:
        raise Unplanned(f"the callback {name} is not known")
    if any(hasattr(event, attribute) for attribute in vars(callback)):
        raise Unplanned(f"the callback {name} was given an event of its own")
