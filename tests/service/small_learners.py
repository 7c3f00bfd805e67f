"""Learners that train in well under a second, one of each kind."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from fastai.collab import CollabDataLoaders, collab_learner
from fastai.tabular.all import (
    BCEWithLogitsLossFlat,
    Callback,
    Categorify,
    FillMissing,
    MultiCategoryBlock,
    Normalize,
    RegressionBlock,
    TabularDataLoaders,
    tabular_learner,
)
from fastai.text.all import (
    AWD_LSTM,
    TextDataLoaders,
    awd_lstm_clas_config,
    awd_lstm_lm_config,
    language_model_learner,
    text_classifier_learner,
)
from torch import Tensor

ROW = {"shop": "north", "size": 2, "open": True, "price": 10.0, "weight": 1.0}
TEXT = "good but slow"
CATEGORIES, NUMBERS = ("shop", "size", "open"), ("price", "weight")

_COUNT = 48
_TINY = {"emb_sz": 8, "n_hid": 8, "n_layers": 1}


def shop_frame() -> pd.DataFrame:
    """Give a table with a column of each type; some weights are missing."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "shop": random.choice(["north", "south"], _COUNT),
            "size": random.integers(1, 4, _COUNT),
            "open": random.choice([True, False], _COUNT),
            "price": random.normal(10, 3, _COUNT),
            "weight": np.where(random.random(_COUNT) < 0.2, np.nan, random.normal(1, 0.2, _COUNT)),
        }
    )
    cheap, small = frame["price"] < 10, frame["size"] < 2
    total = frame["price"] * frame["size"]
    sold = np.where(cheap, "yes", "no")
    return frame.assign(sold=sold, cheap=cheap, small=small, total=total, twice=2 * total)


def shop_learner(
    frame: pd.DataFrame | None = None,
    categories: Sequence[str] = CATEGORIES,
    numbers: Sequence[str] = NUMBERS,
    target: str = "sold",
) -> Any:
    """A classifier of rows like ROW, or of other columns."""
    return _shop_learner(target, frame=frame, categories=categories, numbers=numbers)


def shop_regressor(*targets: str) -> Any:
    """A regressor of rows like ROW, to `total` or `twice` or both."""
    return _shop_learner(list(targets), RegressionBlock(n_out=len(targets)))


def shop_tagger() -> Any:
    """A learner that tells which of `cheap` and `small` a row like ROW is."""
    tags = ["cheap", "small"]
    block = MultiCategoryBlock(encoded=True, vocab=tags)
    return _shop_learner(tags, block, loss_func=BCEWithLogitsLossFlat(), n_out=len(tags))


def _shop_learner(
    target: Any,
    block: Any = None,
    frame: pd.DataFrame | None = None,
    categories: Sequence[str] = CATEGORIES,
    numbers: Sequence[str] = NUMBERS,
    **settings: Any,
) -> Any:
    dls = TabularDataLoaders.from_df(
        shop_frame() if frame is None else frame,
        procs=[Categorify, FillMissing, Normalize],
        cat_names=list(categories),
        cont_names=list(numbers),
        y_names=target,
        y_block=block,
        valid_idx=list(range(12)),
        bs=12,
    )
    return fitted(tabular_learner(dls, layers=[8], **settings))


def text_frame() -> pd.DataFrame:
    """Give short texts with their labels."""
    random = np.random.default_rng(0)
    words = ["good", "bad", "fine", "poor", "slow", "fast"]
    texts = [" ".join(random.choice(words, random.integers(3, 9))) for _ in range(_COUNT)]
    return pd.DataFrame(
        {
            "title": [text.split()[0] for text in texts],
            "text": texts,
            "label": ["kind" if "good" in text else "unkind" for text in texts],
            "tags": [";".join({"good", "slow"} & set(text.split())) for text in texts],
            "length": [float(len(text)) for text in texts],
        }
    )


def text_learner(columns: str | list[str] = "text") -> Any:
    """A classifier of texts like TEXT, or of several text columns."""
    return _text_learner(text_col=columns, label_col="label")


def text_tagger() -> Any:
    """A learner that tells which of `good` and `slow` are in a text like TEXT."""
    return _text_learner(
        text_col="text", label_col="tags", label_delim=";", y_block=MultiCategoryBlock
    )


def text_regressor() -> Any:
    """A regressor of texts like TEXT."""
    return _text_learner(text_col="text", label_col="length", y_block=RegressionBlock)


def _text_learner(**columns: Any) -> Any:
    dls = TextDataLoaders.from_df(text_frame(), bs=12, num_workers=0, **columns)
    config = {**awd_lstm_clas_config, **_TINY}
    return fitted(text_classifier_learner(dls, AWD_LSTM, config=config, pretrained=False))


def language_model() -> Any:
    """A learner that goes on writing a text."""
    dls = TextDataLoaders.from_df(
        text_frame(), text_col="text", is_lm=True, bs=4, seq_len=8, num_workers=0
    )
    config = {**awd_lstm_lm_config, **_TINY}
    return fitted(language_model_learner(dls, AWD_LSTM, config=config, pretrained=False))


def collab() -> Any:
    """A learner that tells how a user rates a film."""
    random = np.random.default_rng(0)
    columns = {name: random.integers(1, 6, _COUNT) for name in ("user", "film", "rating")}
    # Another split may leave a film without a rating to learn from.
    dls = CollabDataLoaders.from_df(pd.DataFrame(columns), bs=12, num_workers=0, seed=0)
    return fitted(collab_learner(dls, y_range=(0, 6)))


def fitted(learner: Any) -> Any:
    """Train a learner for one epoch."""
    with learner.no_bar(), learner.no_logging():
        learner.fit(1)
    return learner


def ask(learner: Any, item: Any) -> tuple[Any, Any]:
    """Ask `learner.predict`: the index or mask or values, and the probabilities."""
    value = pd.Series(item, dtype=object) if isinstance(item, dict) else item
    with learner.no_bar():
        _, index, probabilities = learner.predict(value)
    return index.numpy(), probabilities.numpy()


class After(Callback):  # type: ignore[misc]  # fastai is untyped
    """Lets a function see the raw outputs, and change them if it likes, before each answer."""

    def __init__(self, change: Any) -> None:
        self.change = change

    def after_pred(self) -> None:
        changed: Tensor | None = self.change(self.learn.pred)
        if changed is not None:
            self.learn.pred = changed
