"""Seals learners on texts."""

from pathlib import Path
from typing import Any

from fastai.callback.rnn import ModelResetter, RNNCallback, RNNRegularizer
from fastai.data.core import DataLoaders, Datasets, TfmdDL, TfmdLists
from fastai.data.load import DataLoader
from fastai.data.transforms import ToTensor
from fastai.text.data import Pad_Chunk, Pad_Input, SortedDL, TextDataLoaders

from ..sealed.text import TextRecipe
from ..signature.specs import TabularInput
from .adapter import Adapter
from .plain import check_plain_learner, check_types
from .plan import Unplanned
from .seal_reader import seal_reader
from .seal_words import seal_words
from .text import text_columns

_CALLBACKS = (ModelResetter, RNNCallback, RNNRegularizer)
_LOADING: list[tuple[type, ...]] = [
    (DataLoaders, TextDataLoaders),
    (SortedDL, TfmdDL),
    (Datasets,),
    (TfmdLists,),
]
# Whatever these pad with, they add nothing to a text alone.
_PIPELINES: dict[str, tuple[type, ...]] = {
    "after_item": (ToTensor,),
    "before_batch": (Pad_Chunk, Pad_Input),
    "after_batch": (),
}


def seal_text(adapter: Adapter, directory: Path) -> TextRecipe:
    """Write down how a learner answers a text, and its networks into a directory.

    Raises:
        Unplanned: it does something that no recipe can tell.
        Exception: a network cannot be exported.
    """
    learner = adapter.learner
    check_plain_learner(learner, also=_CALLBACKS)
    if not any(type(callback) is RNNCallback for callback in learner.cbs):
        raise Unplanned("no RNNCallback takes the prediction out of what the model puts out")
    _check_loader(learner.dls)
    is_row = isinstance(adapter.signature.input, TabularInput)
    columns = tuple(text_columns(learner)) if is_row else ()
    return TextRecipe(
        words=seal_words(learner.dls.valid_ds.tls[0], directory, columns),
        reader=seal_reader(learner, directory),
    )


def _check_loader(dls: Any) -> None:
    loader = dls.valid
    parts = [dls, loader, loader.dataset, loader.dataset.tls[0]]
    check_types(zip(parts, _LOADING, strict=True))
    own = (set(DataLoader._methods) - _PIPELINES.keys()) & vars(loader).keys()
    if own:
        raise Unplanned(f"its loader has a {min(own)} of its own")
    if loader.dataset.n_inp != 1 or dls.n_inp != 1:
        raise Unplanned("its model takes more than a text")
    for name, known in _PIPELINES.items():
        for transform in getattr(loader, name).fs:
            if type(transform) not in known:
                raise Unplanned(f"the {name} transform {transform.name.split()[0]} is not known")
