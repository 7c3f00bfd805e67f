"""The contenders without a wire, each in a process of its own: fastai, and the bare model."""

from functools import cache
from itertools import cycle
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from . import learners
from .models import Learner, Model, many_items, single_items
from .processes import BenchError
from .sample import Sample, sample_calls


def sample_predict(model: Model, seconds: float) -> Sample:
    """Time `learner.predict` in a loop."""
    learner = _loaded(model.learner)
    values = cycle(single_items(model))
    return sample_calls(lambda: learner.predict(next(values)), 1, seconds)


def sample_get_preds(model: Model, seconds: float) -> Sample:
    """Time `learner.get_preds` of many items, their preparation by `test_dl` included."""
    learner = _loaded(model.learner)
    return sample_calls(
        lambda: learner.get_preds(dl=_loader(learner, model, model.many)), model.many, seconds
    )


def sample_bare(model: Model, batch: int, seconds: float) -> Sample:
    """Time the torch model alone, as fastai has it, on tensors that are ready."""
    network = _loaded(model.learner).model.eval()
    inputs = _inputs(model, batch)
    with torch.inference_mode():
        return sample_calls(lambda: network(*inputs), batch, seconds)


def predictions(model: Model, count: int) -> list[NDArray[np.float64]]:
    """Give the probabilities that `learner.predict` answers for the first items."""
    learner = _loaded(model.learner)
    return [learner.predict(item)[2].double().numpy() for item in single_items(model)[:count]]


@cache
def _loaded(learner: Learner) -> Any:
    torch.set_num_threads(1)
    loaded = learners.load(learner.export)
    # Progress bars take time, and nobody who cares for speed leaves them on.
    loaded.remove_cbs([one for one in loaded.cbs if type(one).__name__ == "ProgressCallback"])
    return loaded


@cache
def _inputs(model: Model, batch: int) -> list[torch.Tensor]:
    """Bring items to tensors, plain ones: fastai's own cost time at every operation."""
    learner = _loaded(model.learner)
    loaded = _loader(learner, model, batch).one_batch()[: learner.dls.n_inp]
    inputs = [part.as_subclass(torch.Tensor) for part in loaded]
    if model.tokens and inputs[0].shape != (batch, model.tokens):
        raise BenchError(f"texts are not of {model.tokens} tokens: {tuple(inputs[0].shape)}")
    return inputs


def _loader(learner: Any, model: Model, count: int) -> Any:
    return learner.dls.test_dl(many_items(model, count), bs=count, num_workers=0)
