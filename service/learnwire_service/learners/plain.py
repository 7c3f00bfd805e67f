"""Tells whether a learner predicts as fastai's own do, without anything of its own on the way."""

from collections.abc import Collection, Iterable, Iterator
from types import MethodType
from typing import Any

from fastai.callback.core import Callback, TrainEvalCallback, event
from fastai.callback.data import CollectDataCallback
from fastai.callback.hook import ActivationStats, Hook, HookCallback, _hook_inner
from fastai.callback.progress import CSVLogger, ProgressCallback, ShowGraphCallback
from fastai.callback.schedule import ParamScheduler
from fastai.callback.tracker import (
    EarlyStoppingCallback,
    ReduceLROnPlateau,
    SaveModelCallback,
    TerminateOnNaNCallback,
    TrackerCallback,
)
from fastai.callback.training import GradientAccumulation
from fastai.learner import CastToTensor, Learner, Recorder
from fastai.tabular.learner import TabularLearner
from fastai.text.learner import TextLearner
from torch import nn
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from .plan import Unplanned

# What `learner.predict` fires, in this order; a callback that hooks none of it changes nothing.
EVENTS = (
    *("before_fit", "before_epoch", "before_validate", "before_batch", "after_pred"),
    *("after_loss", "after_batch", "after_validate", "after_epoch", "after_fit"),
)
# Not fired for a callback whose `run_valid` is off.
_OF_A_BATCH = {"before_batch", "after_pred", "after_loss", "after_batch"}

_LEARNERS = (Learner, TabularLearner, TextLearner)
# They hook some of the events, and change nothing of what a model is given or gives: they
# count, print, or see that it is no training and stand aside.
_CALLBACKS = (
    ActivationStats,
    CSVLogger,
    CastToTensor,
    CollectDataCallback,
    EarlyStoppingCallback,
    GradientAccumulation,
    HookCallback,
    ParamScheduler,
    ProgressCallback,
    Recorder,
    ReduceLROnPlateau,
    SaveModelCallback,
    ShowGraphCallback,
    TerminateOnNaNCallback,
    TrackerCallback,
    TrainEvalCallback,
)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
# What `Learner` has for training and afterwards; `predict` asks for none of it.
_OF_TRAINING = {
    *("_backward", "_bn_bias_state", "_do_epoch", "_do_epoch_train", "_do_fit", "_do_grad_opt"),
    *("_step", "create_opt", "export", "fine_tune", "fit", "fit_flat_cos", "fit_one_cycle"),
    *("fit_sgdr", "freeze", "freeze_to", "load", "lr_find", "save", "show_results"),
    *("show_training_loop", "summary", "to_bf16", "to_fp16", "to_fp32", "tta", "unfreeze"),
    *("validate", "load_encoder", "save_encoder", "load_pretrained"),
}
# What a class has whatever it does, and what is done when it is made, kept or shown.
_OF_ANY_CLASS = {
    *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__init__", "__repr__"),
    *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
    *("__static_attributes__", "__firstlineno__", "__orig_bases__", "__parameters__", "_docs"),
    *("__getstate__", "__setstate__", "__signature__", "__hash__"),
}
_CURE = "if only training needs it, save again without it:"


def check_plain_learner(learner: Any, also: Collection[type] = ()) -> None:
    """Check that a learner's answers are its model's, activated and decoded by its loss.

    Args:
        learner: the learner.
        also: the callbacks that the plan knows besides those that change no prediction.

    Raises:
        Unplanned: it may do more; the message names what, and the cure.
    """
    _check_class(type(learner))
    for name in vars(learner):
        if callable(getattr(Learner, name, None)):
            raise Unplanned(f"it has a {name} of its own; {_CURE} del learner.{name}")
    for callback in learner.cbs:
        _check_callback(callback, (*_CALLBACKS, *also))
    if not any(_turns_dropout_off(callback) for callback in learner.cbs):
        raise Unplanned(
            "no TrainEvalCallback turns its dropout off; learner.add_cb(TrainEvalCallback) does"
        )
    for name, module in learner.model.named_modules():
        check_unchanged(module, name)


def check_unchanged(module: nn.Module, name: str) -> None:
    """Check that nothing was hung on a module that its class does not say.

    Raises:
        Unplanned: there is a hook that may change something, or a `forward` of its own.
    """
    where = f'"{name}"' if name else "the model"
    hooks = [hook for kind in _HOOKS for hook in getattr(module, kind).values()]
    if not all(map(_is_known, hooks)):
        raise Unplanned(f"{where} has a forward hook; {_CURE} remove() of what register gave")
    if "forward" in vars(module):
        raise Unplanned(f"{where} has a forward of its own; write it into the module's class")


def check_types(parts: Iterable[tuple[Any, tuple[type, ...]]]) -> None:
    """Check that each part of a learner's loading is of one of the types that a plan knows.

    Raises:
        Unplanned: one is of another, perhaps a subclass.
    """
    for part, known in parts:
        if type(part) not in known:
            raise Unplanned(f"its {known[0].__name__} is a {type(part).__name__}")


def _check_class(kind: type) -> None:
    known = next(base for base in kind.__mro__ if base in _LEARNERS)
    own = sorted({*_redefined(kind, known)} - _OF_TRAINING)
    if own:
        raise Unplanned(
            f"its class {kind.__name__} is not fastai's and has a {own[0]} of its own; if only "
            f"training needs that, save a {known.__name__}: learner.__class__ = {known.__name__}"
        )


def _check_callback(callback: Any, known: Collection[type]) -> None:
    """Check that a callback leaves predictions alone, whoever wrote it.

    What it does for an event is what is found on the object, as fastai finds it.
    """
    base = next((one for one in type(callback).__mro__ if one in known), Callback)
    if changed := _changed(callback, base):
        raise _unknown(callback, f"has a {changed} of its own")
    for name in EVENTS:
        does = getattr(callback, name, None)
        own = getattr(does, "__func__", does) is not getattr(base, name, None)
        if own and (name not in _OF_A_BATCH or _runs_in_validation(callback)):
            raise _unknown(callback, f"hooks {name}, which learner.predict fires")


def _changed(callback: Any, base: type) -> str | None:
    """Name what a callback does in another way than its known base, events aside."""
    if base is Callback:
        names = {"__call__", "__getattribute__", "__setattr__"}
        return next((one for one in names if one in _redefined(type(callback), base)), None)
    own = {*_redefined(type(callback), base)} - {*vars(event), "order"}
    own |= {name for name in vars(callback) if callable(getattr(base, name, None))}
    if callback.run_valid != base.run_valid:  # type: ignore[attr-defined]  # a Callback's
        own.add("run_valid")
    return min(own, default=None)


def _redefined(kind: type, base: type) -> Iterator[str]:
    """Give the names of a base that the classes down to `kind` have anew."""
    for one in kind.__mro__[: kind.__mro__.index(base)]:
        yield from (name for name in vars(one) if hasattr(base, name) and name not in _OF_ANY_CLASS)


def _runs_in_validation(callback: Any) -> bool:
    # One that keeps a `training` of its own may never notice that it is none.
    own = "training" in vars(callback) or hasattr(type(callback), "training")
    return bool(callback.run_valid) or own


def _turns_dropout_off(callback: Any) -> bool:
    does = getattr(callback, "before_validate", None)
    return getattr(does, "__func__", None) is TrainEvalCallback.before_validate


def _is_known(hook: Any) -> bool:
    """Tell whether a module's hook is one that only looks on, or makes the module's weights."""
    if isinstance(hook, SpectralNorm | WeightNorm):
        return True
    owner: Any = hook.__self__ if isinstance(hook, MethodType) else None
    if type(owner) is not Hook or hook.__func__ is not Hook.hook_fn:
        return False
    looks = owner.hook_func
    return looks is _hook_inner or getattr(looks, "__func__", None) is ActivationStats.hook


def _unknown(callback: Any, why: str) -> Unplanned:
    name = type(callback).__name__
    return Unplanned(
        f"the callback {name} is not known: it {why}; {_CURE} learner.remove_cb({name})"
    )


def function_of(transform: Any) -> Any:
    """Give the one function that a transform was made of; None where it is made otherwise."""
    methods = getattr(getattr(transform, "encodes", None), "methods", [])
    functions = {method.implementation for method in methods}
    return functions.pop() if len(functions) == 1 else None
