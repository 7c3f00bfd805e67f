"""Odd learners on texts."""

import random
from functools import partial
from typing import Any

import torch
from fastai.callback.tracker import TerminateOnNaNCallback
from fastai.text.all import (
    AWD_LSTM,
    BaseTokenizer,
    CategoryBlock,
    ColReader,
    DataBlock,
    IndexSplitter,
    MultiCategoryBlock,
    RegressionBlock,
    TextBlock,
    TextDataLoaders,
    awd_lstm_clas_config,
    lowercase,
    text_classifier_learner,
)
from torch import Tensor, nn

from .odd import Odd
from .small_learners import After, fitted, text_frame

_WORDS = ("good", "bad", "Slow", "fast", "unheard", "xxpad", "🙂", "10,5", "xxunk", "GOOD")


def _texts() -> list[str]:
    choose = random.Random(5)
    lengths = (0, 1, 2, 19, 20, 21, 40, 49, 50, 51, 60, 71, 72, 73, 144, *range(3, 16))
    return [" ".join(choose.choices(_WORDS, k=length)) for length in lengths]


TEXTS = _texts()


def learner(loaders: Any = None, *, bidirectional: bool = False, **settings: Any) -> Any:
    """Train a learner on short texts, whose answers differ much from text to text."""
    dls = (loaders or from_frame)()
    config = {**awd_lstm_clas_config, "emb_sz": 8, "n_hid": 8, "n_layers": 2}
    config["bidir"] = bidirectional
    made = fitted(
        text_classifier_learner(dls, AWD_LSTM, config=config, pretrained=False, **settings)
    )
    with torch.no_grad():
        for weight in made.model.parameters():
            if weight.dim() == 2:
                weight.mul_(3)
    return made


def from_frame(**settings: Any) -> Any:
    """Make loaders of short texts."""
    columns = {"text_col": "text", "label_col": "label", "y_block": CategoryBlock, **settings}
    return TextDataLoaders.from_df(text_frame(), bs=12, num_workers=0, **columns)


def from_block(target: Any, reader: Any, **settings: Any) -> Any:
    """Make loaders whose tokenizer is told all about itself."""
    block = DataBlock(
        (TextBlock.from_df("text", **settings), target),
        get_x=ColReader("text"),
        get_y=reader,
        splitter=IndexSplitter(list(range(12))),
    )
    return block.dataloaders(text_frame(), bs=12, num_workers=0)


def shouting(text: str) -> str:
    """Tell a text aloud; a rule of a tokenizer."""
    return text.swapcase()


class Letters(BaseTokenizer):  # type: ignore[misc]  # fastai is untyped
    """Takes each letter for a token."""

    def __call__(self, items: Any) -> Any:
        return (list(text.replace(" ", "")) for text in items)


class Head(nn.Module):
    """Pools a text in a way of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 2)

    def forward(self, read: Any) -> tuple[Tensor, ...]:
        outputs, mask = read
        pooled = outputs.masked_fill(mask[..., None], 0).sum(dim=1)
        return self.linear(pooled), outputs, outputs


def own_head() -> Any:
    """Train a learner with a head of its own."""
    made = learner()
    made.model[1] = Head()
    return fitted(made)


def with_callback(callback: Any) -> Any:
    """Train a learner, and leave a callback on it."""
    return learner().add_cb(callback)


def texts(plan: str, *because: str, **settings: Any) -> Odd:
    """Give an odd learner of texts."""
    return Odd(partial(learner, **settings), TEXTS, plan, because)


TEXT_LEARNERS: dict[str, Odd] = {
    "backwards": texts("text", loaders=partial(from_frame, backwards=True)),
    "own rules": texts(
        "single",
        "the rule shouting is not known",
        loaders=partial(from_block, CategoryBlock, ColReader("label"), rules=[shouting, lowercase]),
    ),
    "own tokenizer": texts(
        "single",
        "the tokenizer Letters is not known",
        loaders=partial(from_block, CategoryBlock, ColReader("label"), tok=Letters()),
    ),
    "tags": texts(
        "text",
        loaders=partial(from_frame, label_col="tags", label_delim=";", y_block=MultiCategoryBlock),
    ),
    "length in a range": texts(
        "text",
        loaders=partial(from_frame, label_col="length", y_block=RegressionBlock),
        y_range=(0, 50),
    ),
    "both directions": texts("single", "it reads texts in both directions", bidirectional=True),
    "small chunk and window": texts("text", seq_len=20, max_len=50),
    "no window": texts("text", max_len=None),
    "window within a chunk": texts("single", "less than a chunk", max_len=60),
    "own head": Odd(own_head, TEXTS, "single", ("the module Head is not known",)),
    "outputs of texts changed by a callback": Odd(
        partial(with_callback, After(torch.neg)),
        TEXTS,
        "single",
        ("the callback After is not known", "loader: the adapter asks item by item"),
    ),
    "callback left on a text learner": Odd(
        partial(with_callback, TerminateOnNaNCallback()), TEXTS, "text"
    ),
}
