"""A callback, a class or a hook that changes no prediction keeps no learner from its own plan."""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastai.callback.core import Callback, FetchPredsCallback, TrainEvalCallback
from fastai.callback.data import CollectDataCallback
from fastai.callback.hook import ActivationStats, HookCallback, hook_output
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.preds import MCDropoutCallback
from fastai.callback.progress import CSVLogger, ShowGraphCallback
from fastai.callback.rnn import RNNRegularizer
from fastai.callback.schedule import LRFinder, ParamScheduler
from fastai.callback.tracker import (
    EarlyStoppingCallback,
    ReduceLROnPlateau,
    SaveModelCallback,
    TerminateOnNaNCallback,
    TrackerCallback,
)
from fastai.callback.training import BnFreeze, GradientAccumulation, GradientClip
from fastai.learner import before_batch_cb
from fastai.tabular.all import TabularLearner
from learnwire_service.learners.plain import EVENTS, check_plain_learner
from learnwire_service.learners.plan import Unplanned
from torch.nn.utils import spectral_norm

from . import small_learners as small
from .small_learners import ROW, ask


@pytest.fixture(scope="module")
def trained() -> Any:
    return small.shop_learner()


@pytest.fixture
def learner(trained: Any, tmp_path: Path) -> Iterator[Any]:
    """One learner for all tests, which leave it as it was."""
    callbacks, trained.path = list(trained.cbs), tmp_path
    yield trained
    for callback in [one for one in trained.cbs if one not in callbacks]:
        trained.remove_cb(callback)
    trained.__class__ = TabularLearner


class CountsEpochs(Callback):  # type: ignore[misc]  # fastai is untyped
    """Hooks training, and what is done when that is over or fails."""

    order = 3

    def before_train(self) -> None:
        self.seen = getattr(self, "seen", 0) + 1

    def after_cancel_fit(self) -> None:
        self.seen = 0


class OnlyInTraining(Callback):  # type: ignore[misc]
    """Changes batches of training."""

    run_valid = False

    def before_batch(self) -> None:
        self.learn.xb = tuple(part * 2 for part in self.learn.xb)


class Patient(EarlyStoppingCallback):  # type: ignore[misc]
    """Is made in another way than fastai's."""

    def __init__(self) -> None:
        super().__init__(patience=7)


class FreezesToo(TrainEvalCallback):  # type: ignore[misc]
    """Does more when training begins."""

    def before_train(self) -> None:
        super().before_train()
        self.model.layers[0].eval()


HARMLESS: dict[str, Callable[[], Any]] = {
    **{
        kind.__name__: kind
        for kind in (
            *(ActivationStats, BnFreeze, CSVLogger, CollectDataCallback, EarlyStoppingCallback),
            *(GradientAccumulation, GradientClip, HookCallback),
            *(RNNRegularizer, ReduceLROnPlateau, SaveModelCallback, ShowGraphCallback),
            *(TerminateOnNaNCallback, TrackerCallback, MixUp, CutMix),
        )
    },
    "hooks that stay": lambda: ActivationStats(remove_end=False),
    "ParamScheduler": lambda: ParamScheduler({"lr": lambda at: at}),
    "hooks training": CountsEpochs,
    "hooks batches of training": OnlyInTraining,
    "like fastai's": Patient,
    "more of fastai's": FreezesToo,
}


def test_the_events_that_predict_fires_are_the_ones_that_are_looked_at(learner: Any) -> None:
    fired: list[str] = []

    class Listens(Callback):  # type: ignore[misc]
        def __call__(self, event_name: str) -> None:
            fired.append(event_name)

    learner.add_cb(Listens())
    ask(learner, ROW)
    assert tuple(fired) == EVENTS


@pytest.mark.parametrize("name", HARMLESS)
def test_a_callback_that_changes_no_prediction_is_known_to(name: str, learner: Any) -> None:
    before = ask(learner, ROW)
    learner.add_cb(HARMLESS[name]())
    for _ in range(3):
        check_plain_learner(learner)
        after = ask(learner, ROW)
        assert [part.tolist() for part in after] == [part.tolist() for part in before]


def test_each_callback_of_fastai_is_harmless_or_else_told(learner: Any) -> None:
    told: set[str] = set()
    for module in ("core", "data", "hook", "mixup", "preds", "progress", "rnn", "schedule",
                   "tracker", "training"):  # fmt: skip
        for kind in vars(importlib.import_module(f"fastai.callback.{module}")).values():
            if inspect.isclass(kind) and issubclass(kind, Callback) and kind is not Callback:
                learner.add_cb(made := kind.__new__(kind))
                try:
                    check_plain_learner(learner)
                except Unplanned:
                    told.add(kind.__name__)
                learner.remove_cb(made)
    assert told == {
        # They change predictions, or end them.
        *("FetchPredsCallback", "GatherPredsCallback", "LRFinder", "MCDropoutCallback"),
        *("ShortEpochCallback", "SkipToEpoch"),
        # The plan for texts knows these, and loading takes those off.
        *("ModelResetter", "RNNCallback"),
        *("MixedPrecision", "ModelToHalf", "NonNativeMixedPrecision"),
    }


class ChangesItself(Callback):  # type: ignore[misc]
    """Has a way of its own of being called."""

    def __call__(self, event_name: str) -> None:
        if event_name == "after_pred":
            self.learn.pred = self.learn.pred * 2


class OutOfStep(OnlyInTraining):
    """Never notices that it is no training."""

    training = True


class Scheduled(ParamScheduler):  # type: ignore[misc]
    """Runs where fastai's does not."""

    run_valid = True


class LoadsAnother(SaveModelCallback):  # type: ignore[misc]
    """Does more at the end of each prediction."""

    def after_fit(self) -> None:
        super().after_fit()


class WritesMore(CSVLogger):  # type: ignore[misc]
    """Has another helper of the same name."""

    def _write_line(self, log: Any) -> None:
        self.old_logger(log)


def _switched_on() -> Any:
    made = GradientAccumulation()
    made.run_valid = True
    return made


CHANGING: dict[str, tuple[Callable[[], Any], str]] = {
    "an event": (lambda: small.After(abs), "After is not known: it hooks after_pred"),
    "a function": (lambda: before_batch_cb(lambda self, xb, yb: (xb, yb)), "hooks before_batch"),
    "a hook": (lambda: HookCallback(hook=print), "has a hook of its own"),
    "a call": (ChangesItself, "ChangesItself is not known: it has a __call__ of its own"),
    "out of step": (OutOfStep, "hooks before_batch"),
    "switched on": (_switched_on, "has a run_valid of its own"),
    "switched on by its class": (lambda: Scheduled({}), "has a run_valid of its own"),
    "the end": (LoadsAnother, "hooks after_fit"),
    "a helper": (WritesMore, "has a _write_line of its own"),
    "fastai's dropout": (MCDropoutCallback, "MCDropoutCallback is not known"),
    "fastai's finder": (LRFinder, "LRFinder is not known"),
    "fastai's fetching": (FetchPredsCallback, "FetchPredsCallback is not known"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGING)
def test_one_that_may_change_predictions_is_told_with_the_cure(name: str, learner: Any) -> None:
    make, why = CHANGING[name]
    learner.add_cb(callback := make())
    with pytest.raises(Unplanned, match=why) as caught:
        check_plain_learner(learner)
    cure = f"learner.remove_cb({type(callback).__name__})"
    assert str(caught.value).endswith(f"if only training needs it, save again without it: {cure}")


class Named(TabularLearner):  # type: ignore[misc]
    """Trains in a way of its own, and predicts in fastai's."""

    title = "mine"

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)

    def fit(self, *args: Any, **settings: Any) -> None:
        super().fit(*args, **settings)

    def report(self) -> str:
        return self.title


class Halved(Named):
    """Predicts in a way of its own."""

    pred: Any

    def _do_one_batch(self) -> None:
        super()._do_one_batch()
        self.pred = self.pred / 2


def test_a_learners_class_may_train_as_it_likes(learner: Any) -> None:
    learner.__class__ = Named
    check_plain_learner(learner)
    learner.__class__ = Halved
    why = r"its class Halved is not fastai's and has a _do_one_batch of its own.*TabularLearner"
    with pytest.raises(Unplanned, match=why):
        check_plain_learner(learner)


def test_nothing_that_predict_calls_counts_as_training(learner: Any) -> None:
    called: set[str] = set()

    def note(frame: Any, happening: str, _: Any) -> None:
        if happening == "call" and frame.f_locals.get("self") is learner:
            called.add(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        learner.predict(pd.Series(ROW, dtype=object))
    finally:
        sys.setprofile(None)
    for name in sorted(called & {*dir(TabularLearner)}):
        learner.__class__ = type("Own", (TabularLearner,), {name: getattr(TabularLearner, name)})
        with pytest.raises(Unplanned, match=f"Own is not fastai's and has a {name} of its own"):
            check_plain_learner(learner)
    assert {"predict", "get_preds", "one_batch", "_do_one_batch", "validation_context"} <= called


def test_hooks_that_only_look_on_may_stay(learner: Any) -> None:
    with hook_output(learner.model.layers[0]):
        check_plain_learner(learner)


def test_hooks_that_make_weights_may_stay() -> None:
    made = small.shop_learner()
    spectral_norm(made.model.layers[0][0])
    check_plain_learner(made)
