"""Refuses what is no servable Learner, each with the way out."""

from typing import Any

from fastai.learner import Learner
from fastai.text.data import LMDataLoader
from torch import nn

from ..common.errors import NotServable


def check_servable(learner: Any) -> None:
    """Check that an object is a fastai 2 Learner that predicts.

    Raises:
        NotServable: it is not; the message says what to do.
    """
    if isinstance(learner, nn.Module):
        raise NotServable(
            f"{type(learner).__name__} is a torch module; save the Learner around it "
            "(Learner(dls, module, loss_func=...)), or the bare module with save_torch_model"
        )
    if any(base.__module__.startswith("fastai.basic_train") for base in type(learner).__mro__):
        raise NotServable(
            "this is a fastai 1 learner; load its weights into a fastai 2 Learner and save that"
        )
    if not isinstance(learner, Learner):
        raise NotServable(
            f"expected a fastai Learner, got {type(learner).__name__}; save the object that you "
            "called fit or fine_tune on"
        )
    if len(getattr(learner.dls, "loaders", ())) == 1:
        raise NotServable(
            "its DataLoaders have no validation loader, whose transforms learner.predict runs; add "
            "one (learner.dls.loaders.append(learner.dls.train.new())) and save again"
        )
    if isinstance(learner.dls.valid, LMDataLoader):
        raise NotServable(
            "this is a language model: its predict samples text and gives no answer that could be "
            "checked; train a text_classifier_learner on its encoder and save that"
        )
