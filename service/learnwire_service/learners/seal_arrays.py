"""Seals learners on arrays whose transforms leave the arrays as they are."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from fastai.data.core import DataLoaders, Datasets, TfmdDL, TfmdLists
from fastai.data.transforms import ColReader, IntToFloatTensor, ItemGetter, Normalize, ToTensor
from fastai.imports import noop
from fastai.torch_basics import compose_tfms
from numpy.typing import NDArray

from ..sealed.arrays import ArraysRecipe, Dtype
from ..signature import ArrayInput, ArraysInput
from .adapter import Adapter
from .onnx_export import NETWORK_FILE, write_onnx
from .outputs import Answering
from .plain import check_plain_learner, function_of
from .plan import Unplanned
from .raw import as_numpy

# Of arrays that are no images they change nothing but the type.
_KNOWN = (ToTensor, IntToFloatTensor, Normalize, ItemGetter, ColReader)
# What a loader does to items on their way into a batch.
_LOADING = (
    "__iter__",
    "before_iter",
    "chunkify",
    "create_batch",
    "create_batches",
    "create_item",
    "do_batch",
    "do_item",
    "retain",
)


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
    dls, given = adapter.learner.dls, adapter.encode(item)
    if not isinstance(dls, DataLoaders) or type(dls).test_dl is not DataLoaders.test_dl:
        raise Unplanned(f"its data is in {type(dls).__name__}")
    loader = dls.test_dl([given], num_workers=0)
    _check_loader(loader)
    loader.before_iter()
    reads = _reading(loader.dataset)
    item = tuple(read(given) for read in reads) if reads else tuple(given)
    made = _active(loader.after_item)(item)
    parts = tuple(_active(loader.after_batch)(loader.do_batch([made]))[: dls.n_inp])
    return [as_numpy(part) for part in parts]


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


def _check_loader(loader: Any) -> None:
    if not isinstance(loader, TfmdDL):
        raise Unplanned(f"its loader is a {type(loader).__name__}")
    for name in _LOADING:
        own = name in vars(loader) or getattr(type(loader), name) is not getattr(TfmdDL, name)
        if own:
            raise Unplanned(f"its loader has a {name} of its own")
    if loader.prebatched:
        raise Unplanned("its loader makes no batches")
    if loader.before_batch.fs:
        raise Unplanned(f"what {loader.before_batch.fs[0].name} makes of an item depends on others")


def _reading(dataset: Any) -> list[partial[Any]]:
    """Give the transforms of a data set that lead from what was sent to each input."""
    if type(dataset) is list:
        return []
    if type(dataset) is not Datasets or any(type(items) is not TfmdLists for items in dataset.tls):
        raise Unplanned(f"its data set is a {type(dataset).__name__}")
    return [_active(items.tfms) for items in dataset.tls]


def _active(pipeline: Any) -> partial[Any]:
    """Give a pipeline without the transforms that are off for its split; all are fastai's own.

    Raises:
        Unplanned: one is not known.
    """
    split = pipeline.split_idx
    on = [step for step in pipeline.fs if {step.split_idx, type(step).split_idx} & {None, split}]
    for step in on:
        if type(step) not in _KNOWN and function_of(step) is not noop:
            raise Unplanned(f"the transform {step.name.split()[0]} is not known")
    return partial(compose_tfms, tfms=on, split_idx=split)
