"""Seals tables: what FillMissing, Categorify and Normalize learned, written down."""

from pathlib import Path
from typing import Any

import numpy as np
from fastai.collab import TabularCollab
from fastai.data.load import DataLoader
from fastai.data.transforms import Categorize, EncodedMultiCategorize, Normalize, RegressionSetup
from fastai.tabular.core import (
    Categorify,
    FillMissing,
    ReadTabBatch,
    TabDataLoader,
    TabularPandas,
    TabWeightedDL,
)
from fastai.tabular.data import TabularDataLoaders
from numpy.typing import NDArray

from ..sealed.table import CategoryRecipe, MissingRecipe, NumberRecipe, TableRecipe
from ..signature.specs import TabularInput
from .adapter import Adapter
from .onnx_export import NETWORK_FILE, write_onnx
from .outputs import Answering
from .plain import check_plain_learner, check_types
from .plan import Unplanned

# In the order in which fastai runs them.
_PROCS = (FillMissing, Categorify, Normalize)
_OF_TARGETS = (Categorize, EncodedMultiCategorize, RegressionSetup)
_NA = "#na#"
# What can be given to a loader in the place of its own; what goes through a batch is looked at.
_METHODS = set(DataLoader._methods) - {"before_batch", "after_batch", "after_item"}
_ROWS = 3


def seal_table(adapter: Adapter, directory: Path) -> TableRecipe:
    """Write down how a table's learner answers a row, and its network into a directory.

    Raises:
        Unplanned: it does something that no recipe can tell.
        Exception: its network cannot be exported.
    """
    learner, spec = adapter.learner, adapter.signature.input
    assert isinstance(spec, TabularInput)  # noqa: S101 - the adapter describes a table
    check_plain_learner(learner)
    _check_loaders(learner.dls)
    table = learner.dls.valid_ds
    procs = _procs(table)
    codes = [_code(name, procs[Categorify].classes[name], spec) for name in table.cat_names]
    fill, normalize = procs.get(FillMissing), procs.get(Normalize)
    numbers = [_number(name, fill, normalize) for name in table.cont_names]
    is_collab = isinstance(table, TabularCollab)
    inputs: list[NDArray[Any]] = [
        np.zeros((_ROWS, len(codes)), np.int64),
        np.zeros((_ROWS, len(numbers)), np.float32),
    ]
    learner.model.eval()
    write_onnx(Answering(learner), inputs[:1] if is_collab else inputs, directory / NETWORK_FILE)
    return TableRecipe(
        codes=tuple(codes),
        numbers=tuple(numbers),
        lone=not is_collab,
        network=NETWORK_FILE,
    )


def _code(name: str, classes: Any, spec: TabularInput) -> CategoryRecipe | MissingRecipe:
    if classes[0] != _NA:
        raise Unplanned(f'the categories of "{name}" do not begin with {_NA}')
    if any(column.name == name for column in spec.columns):
        return CategoryRecipe(column=name)
    known = {category: code for code, category in enumerate(classes)}
    # Where no row of the training was null, or each was, the other answer is unknown.
    codes = (known.get(False, 0), known.get(True, 0))
    return MissingRecipe(column=name.removesuffix("_na"), codes=codes)


def _number(name: str, fill: Any, normalize: Any) -> NumberRecipe:
    told: dict[str, float] = {}
    if normalize is not None:
        told = {"mean": float(normalize.means[name]), "deviation": float(normalize.stds[name])}
    if fill is not None and name in fill.na_dict:
        told["fill"] = float(fill.na_dict[name])
    return NumberRecipe(column=name, **told)


def _procs(table: Any) -> dict[type, Any]:
    """Give the table's procs but those of its targets, by what they are."""
    found = [proc for proc in table.procs.fs if type(proc) not in _OF_TARGETS]
    kinds = [type(proc) for proc in found]
    for kind in kinds:
        if kind not in _PROCS:
            raise Unplanned(
                f"the proc {kind.__name__} is not known; what it makes of a row alone, make in the "
                "frame before you train, and in what you send"
            )
    if kinds != [kind for kind in _PROCS if kind in kinds]:
        raise Unplanned(f"the procs run in the order {', '.join(kind.__name__ for kind in kinds)}")
    return dict(zip(kinds, found, strict=True))


def _check_loaders(dls: Any) -> None:
    """Check that nothing but the procs changes a row on its way to the network."""
    loader = dls.valid
    check_types(
        (
            (dls, (TabularDataLoaders,)),
            (loader, (TabDataLoader, TabWeightedDL)),
            (loader.dataset, (TabularPandas, TabularCollab)),
        )
    )
    own = {"test_dl"} & vars(dls).keys() | _METHODS & vars(loader).keys()
    if own:
        raise Unplanned(f"its loaders have a {min(own)} of their own")
    transforms = [*loader.before_batch.fs, *loader.after_batch.fs]
    if [type(transform) for transform in transforms] != [ReadTabBatch]:
        raise Unplanned(f"its batches go through {', '.join(t.name for t in transforms)}")
