"""The networks of a sealed model alone, in ONNX Runtime, on arrays that are ready."""

from functools import cache
from itertools import groupby
from typing import Any
from unittest import mock

import learnwire_service as lw
import numpy as np
from learnwire_service.common.bounds import DEFAULT_BOUNDS
from learnwire_service.sealed.network import Network
from learnwire_service.sealed.plan import Plan
from learnwire_service.sealed.recipe import read_recipe
from learnwire_service.sealed.text import TextPlan, TextRecipe
from learnwire_service.signature.validation import check
from numpy.typing import NDArray

from .models import Model, single_items
from .sample import Sample, sample_calls

_Call = tuple[Network, tuple[NDArray[Any], ...]]


def is_sealed(model: Model) -> bool:
    """Tell whether Learnwire answers with the model's recipe and network."""
    sealed: bool = lw.get(model.tag).manifest.is_sealed
    return sealed


def sample_onnx(model: Model, batch: int, seconds: float) -> Sample:
    """Time what ONNX Runtime does for a batch: all of it at once, texts length by length."""
    calls = _calls(model, batch)
    return sample_calls(lambda: [network(*inputs) for network, inputs in calls], batch, seconds)


@cache
def _calls(model: Model, batch: int) -> list[_Call]:
    saved = lw.get(model.tag)
    plan = saved.load_plan(sealed_only=True).plan
    spec, longest = plan.signature.input, DEFAULT_BOUNDS.max_text_chars
    items = (check(spec, item, max_text_chars=longest).item for item in single_items(model)[:batch])
    encoded = [plan.encode(item) for item in items]
    if isinstance(plan, TextPlan):
        recipe = read_recipe(saved.directory).model
        assert isinstance(recipe, TextRecipe)
        return _of_texts(recipe, saved.directory, [one.tokens for one in encoded])
    return _noted(plan, encoded)


def _noted(plan: Plan, encoded: list[Any]) -> list[_Call]:
    """Give what a plan asks its network for."""
    calls: list[_Call] = []
    ask = Network.__call__

    def noted(network: Network, *inputs: NDArray[Any]) -> Any:
        calls.append((network, inputs))
        return ask(network, *inputs)

    with mock.patch.object(Network, "__call__", noted):
        plan.predict(encoded)
    return calls


def _of_texts(recipe: TextRecipe, directory: Any, texts: list[NDArray[np.int64]]) -> list[_Call]:
    """Give the calls that take the texts of each length from their first step to their last."""
    reader = recipe.reader
    layers, head = (Network(directory / name) for name in reader.networks)
    calls: list[_Call] = []
    for _, alike in groupby(sorted(texts, key=len), key=len):
        tokens = np.stack(list(alike), axis=1)
        rows = tokens.shape[1]
        state = [np.zeros((1, rows, width), np.float32) for width in reader.widths for _ in "hc"]
        calls.append((layers, (tokens, *state)))
        calls.append((head, (np.zeros((rows, 3 * reader.widths[-1]), np.float32),)))
    return calls
