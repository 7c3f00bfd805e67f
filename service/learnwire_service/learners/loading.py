"""What a learner's loader does to an item on its way to the model, looked at piece by piece."""

from functools import partial
from typing import Any

from fastai.data.core import DataLoaders, Datasets, TfmdDL, TfmdLists
from fastai.torch_basics import compose_tfms

from .plan import Unplanned

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


def loader_of(dls: Any, item: Any) -> Any:
    """Give the loader that `learner.predict` makes for an item, ready to be asked for batches.

    Raises:
        Unplanned: it does more than to transform and to collate.
    """
    if not isinstance(dls, DataLoaders) or type(dls).test_dl is not DataLoaders.test_dl:
        raise Unplanned(f"its data is in {type(dls).__name__}")
    try:
        loader = dls.test_dl([item], num_workers=0)
    except Exception as error:
        raise Unplanned(f"it makes no loader for {type(item).__name__}: {error}") from error
    _check_loader(loader)
    loader.before_iter()
    return loader


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


def readings(dataset: Any) -> list[Any]:
    """Give the pipelines of a data set that lead from what was sent to each input.

    Raises:
        Unplanned: the data set, or a list of its inputs, is no plain one of fastai's.
    """
    if type(dataset) is not Datasets or any(type(items) is not TfmdLists for items in dataset.tls):
        raise Unplanned(f"its data set is a {type(dataset).__name__}")
    return [items.tfms for items in dataset.tls]


def active(pipeline: Any) -> list[Any]:
    """Give the transforms of a pipeline that are on for its split.

    fastai's affine transforms move from split to split and are on for each: only where the class
    agrees with the object, one is off for good.
    """
    split = pipeline.split_idx
    return [step for step in pipeline.fs if {step.split_idx, type(step).split_idx} & {None, split}]


def run(pipeline: Any) -> partial[Any]:
    """Give a function that runs the active transforms of a pipeline."""
    return partial(compose_tfms, tfms=active(pipeline), split_idx=pipeline.split_idx)


def unknown(step: Any) -> Unplanned:
    """Say that a transform cannot be sealed."""
    return Unplanned(f"the transform {step.name.split()[0]} is not known")
