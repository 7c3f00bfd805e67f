"""The contenders without a wire, each in a process of its own: fastai, and the bare model."""

from functools import cache
from itertools import cycle
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from . import items, learners
from .models import TEXT, Model, many_items, single_items
from .processes import BenchError
from .sample import Sample, sample_calls


def sample_predict(model: Model, seconds: float) -> Sample:
    """Time `learner.predict` in a loop."""
    learner = _learner(model)
    values = cycle(single_items(model))
    return sample_calls(lambda: learner.predict(next(values)), 1, seconds)


def sample_get_preds(model: Model, seconds: float) -> Sample:
    """Time `learner.get_preds` of many items, their preparation by `test_dl` included."""
    learner = _learner(model)
    return sample_calls(
        lambda: learner.get_preds(dl=_loader(learner, model, model.many)), model.many, seconds
    )


def sample_bare(model: Model, batch: int, seconds: float) -> Sample:
    """Time the torch model alone, as fastai has it, on tensors that are ready."""
    network = _learner(model).model.eval()
    inputs = _inputs(model, batch)
    with torch.inference_mode():
        return sample_calls(lambda: network(*inputs), batch, seconds)


def predictions(model: Model, count: int) -> list[NDArray[np.float64]]:
    """Give the probabilities that `learner.predict` answers for the first items."""
    learner = _learner(model)
    return [learner.predict(item)[2].double().numpy() for item in single_items(model)[:count]]


@cache
def _learner(model: Model) -> Any:
    torch.set_num_threads(1)
    learner = learners.load(model.export)
    # Progress bars take time, and nobody who cares for speed leaves them on.
    learner.remove_cbs([one for one in learner.cbs if type(one).__name__ == "ProgressCallback"])
    return learner


@cache
def _inputs(model: Model, batch: int) -> list[torch.Tensor]:
    """Bring items to tensors, plain ones: fastai's own cost time at every operation."""
    learner = _learner(model)
    loaded = _loader(learner, model, batch).one_batch()[: learner.dls.n_inp]
    inputs = [part.as_subclass(torch.Tensor) for part in loaded]
    if model is TEXT and inputs[0].shape != (batch, items.TOKENS):
        raise BenchError(f"texts are not of {items.TOKENS} tokens: {tuple(inputs[0].shape)}")
    return inputs


def _loader(learner: Any, model: Model, count: int) -> Any:
    return learner.dls.test_dl(many_items(model, count), bs=count, num_workers=0)
