"""Seals learners on arrays whose transforms leave the arrays as they are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from fastai.data.transforms import ColReader, IntToFloatTensor, ItemGetter, Normalize, ToTensor
from fastai.imports import noop
from numpy.typing import NDArray

from ..sealed.arrays import ArraysRecipe, Dtype
from ..signature.specs import ArrayInput, ArraysInput
from .adapter import Adapter
from .loading import active, loader_of, readings, run, unknown
from .onnx_export import NETWORK_FILE, write_onnx
from .outputs import Answering
from .plain import check_plain_learner, function_of
from .plan import Unplanned
from .raw import as_numpy

# Of arrays that are no images they change nothing but the type.
_KNOWN = (ToTensor, IntToFloatTensor, Normalize, ItemGetter, ColReader)


def seal_arrays(adapter: Adapter, directory: Path) -> ArraysRecipe:
    """Write down the types that a learner's network takes, and the network into a directory.

    Raises:
        Unplanned: it does something that no recipe can tell.
        Exception: its network cannot be exported.
    """
    learner = adapter.learner
    check_plain_learner(learner)
    if hasattr(learner.model, "reset"):
        raise Unplanned("its model has a state that is reset before each prediction")
    spec = adapter.signature.input
    specs = spec.arrays if isinstance(spec, ArraysInput) else (spec,)
    items = list(adapter.examples())
    batches = [_batch(adapter, item) for item in items]
    for item, batch in zip(items, batches, strict=True):
        _check_unchanged(item, batch)
    learner.model.eval()
    inputs = [np.concatenate([part] * 3) for part in batches[0]]
    write_onnx(Answering(learner), inputs, directory / NETWORK_FILE, varying=_varying(specs))
    return ArraysRecipe(dtypes=tuple(map(_dtype, inputs)), network=NETWORK_FILE)


def _batch(adapter: Adapter, item: Any) -> Sequence[NDArray[Any]]:
    """Give what the learner's loader makes of one item, for its model."""
    given = adapter.encode(item)
    loader = loader_of(adapter.learner.dls, given)
    pipelines = [] if type(loader.dataset) is list else readings(loader.dataset)
    for pipeline in (*pipelines, loader.after_item, loader.after_batch):
        _check_known(pipeline)
    read = tuple(run(pipeline)(given) for pipeline in pipelines) or tuple(given)
    batch = run(loader.after_batch)(loader.do_batch([run(loader.after_item)(read)]))
    return [as_numpy(part) for part in tuple(batch)[: adapter.learner.dls.n_inp]]


def _check_unchanged(item: Any, batch: Sequence[NDArray[Any]]) -> None:
    given = item if isinstance(item, tuple) else (item,)
    for before, after in zip(given, batch, strict=True):
        if not np.array_equal(np.asarray(before).astype(after.dtype)[None], after, equal_nan=True):
            raise Unplanned("its transforms change the numbers of an array")


def _varying(specs: Sequence[Any]) -> list[tuple[int, ...]]:
    """Give for each input the axes, that of the items being the first, whose sizes vary."""
    return [
        tuple(axis for axis, size in enumerate(spec.shape, 1) if size == -1)
        for spec in specs
        if isinstance(spec, ArrayInput)
    ]


def _dtype(part: NDArray[Any]) -> Dtype:
    for name in get_args(Dtype):
        if part.dtype == name:
            found: Dtype = name
            return found
    raise Unplanned(f"its network takes {part.dtype.name}")


def _check_known(pipeline: Any) -> None:
    for step in active(pipeline):
        if type(step) not in _KNOWN and function_of(step) is not noop:
            raise unknown(step)
