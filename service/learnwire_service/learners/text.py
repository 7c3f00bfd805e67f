"""Learners trained on text."""

import random
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from fastai.data.core import Datasets
from fastai.text.core import Tokenizer, _join_texts
from fastai.text.data import Numericalize
from torch import Tensor

from ..common.errors import InvalidInput
from ..signature.specs import CellType, Column, Signature, TabularInput, TextInput
from ..signature.validation import Item
from .adapter import BuiltInAdapter
from .outputs import output_spec
from .raw import is_array, is_text, steps
from .runs import Runs

# Chunks of fastai's readers end after 72 tokens; a load waits for the longest text.
_EXAMPLE_LENGTHS = (0, 1, 5, 12, 40, 71, 150)
# What rules and tokenizers treat in a way of their own.
_ODD = "HELLO World! It's soooo  good<br />\nnot BAD :) #1 a/b 10,5 ünïcode 🙂 xxunk"
_SENT = (str, np.ndarray, Tensor)
_COMMON = ("the", "a", "good", "bad", "and", "of", "word", "this")


class _TokenizingAdapter(BuiltInAdapter):
    """What goes through a tokenizer and a vocabulary."""

    @cached_property
    def runs(self) -> Runs | None:
        """What the tokenizer takes too long for; None where none of fastai's is known."""
        tokenizer = _tokenizer(self.learner)
        return Runs(tokenizer) if tokenizer is not None else None

    def ask(self, encoded: Any) -> Any:
        """Let the learner answer, and keep no more words than it does at most."""
        with self.runs.few_words() if self.runs else nullcontext():
            return super().ask(encoded)

    def _checked(self, text: str, field: str) -> str:
        if self.runs is not None:
            try:
                self.runs.check(text)
            except InvalidInput as error:
                raise InvalidInput([replace(v, field=field) for v in error.violations]) from None
        return text


class TextAdapter(_TokenizingAdapter):
    """One text through a tokenizer and a vocabulary."""

    @staticmethod
    def serves(learner: Any) -> bool:
        """See BuiltInAdapter.serves; also where a transform of the user's own reads texts."""
        return _numericalizes(learner) or _reads_texts(learner)

    def describe(self) -> Signature:
        """See BuiltInAdapter.describe."""
        return Signature(input=TextInput(), output=output_spec(self.learner))

    def examples(self) -> Sequence[Item]:
        """Make texts of several lengths out of the vocabulary's words."""
        return [_ODD, *(text for [text] in _made_up(self.learner, 1))]

    def encode(self, item: Item) -> Any:
        """Give the text, where the tokenizer does not take too long for it."""
        assert isinstance(item, str)  # noqa: S101 - validation made it
        return self._checked(item, "text.content")


class TextColumnsAdapter(_TokenizingAdapter):
    """Several text columns, which the learner saw joined into one with marks between them.

    `learner.predict` takes only the joined text, so the columns are joined as at training.
    """

    oracle = "learner.predict(text)"

    @staticmethod
    def serves(learner: Any) -> bool:
        """See BuiltInAdapter.serves."""
        return _numericalizes(learner) and len(text_columns(learner)) > 1

    def describe(self) -> Signature:
        """See BuiltInAdapter.describe."""
        columns = [
            Column(name=name, type=CellType.STRING, nullable=False, example="")
            for name in text_columns(self.learner)
        ]
        return Signature(
            input=TabularInput(columns=tuple(columns)), output=output_spec(self.learner)
        )

    def examples(self) -> Sequence[Item]:
        """Make texts of several lengths out of the vocabulary's words."""
        names = text_columns(self.learner)
        made_up = _made_up(self.learner, len(names))
        return [dict(zip(names, texts, strict=True)) for texts in made_up]

    def encode(self, item: Item) -> Any:
        """Join the columns as fastai's tokenizer does at training."""
        assert isinstance(item, dict)  # noqa: S101 - validation made it
        marks = _tokenizer(self.learner).kwargs.get("mark_fields")
        frame = pd.DataFrame([item])[text_columns(self.learner)]
        joined = next(iter(_join_texts(frame, mark_fields=True if marks is None else marks)))
        return self._checked(joined, "row.cells")


def _transforms(learner: Any) -> list[Any]:
    dataset = learner.dls.valid_ds
    if not isinstance(dataset, Datasets) or dataset.n_inp != 1:
        return []
    return list(dataset.tls[0].tfms.fs)


def _numericalizes(learner: Any) -> bool:
    return any(isinstance(transform, Numericalize) for transform in _transforms(learner))


def _reads_texts(learner: Any) -> bool:
    """Tell whether the items are texts before they are anything else that can be sent."""
    dataset = learner.dls.valid_ds
    if not isinstance(dataset, Datasets) or dataset.n_inp != 1:
        return False
    [texts] = dataset.tls[:1]
    if len(dataset) == 0:
        return next(
            (kind is str for kind in texts.types if kind in (str, np.ndarray, Tensor)), False
        )
    first = next((value for value in steps(texts, 0) if is_array(value) or is_text(value)), None)
    return is_text(first)


def _tokenizer(learner: Any) -> Any:
    return next((t for t in _transforms(learner) if isinstance(t, Tokenizer)), None)


def text_columns(learner: Any) -> list[str]:
    """Give the columns whose texts a learner's tokenizer joins; none where it takes a text."""
    columns = getattr(_tokenizer(learner), "text_cols", None) or []
    return [columns] if isinstance(columns, str) else list(columns)


def _made_up(learner: Any, columns: int) -> list[list[str]]:
    vocab = next((t.vocab for t in _transforms(learner) if isinstance(t, Numericalize)), ())
    words = [word for word in vocab if word.isalnum() and not word.startswith("xx")]
    words = words or list(_COMMON)
    choose = random.Random(0)  # noqa: S311 - reproducible, not secret
    return [
        [" ".join(choose.choices(words, k=n)) for _ in range(columns)] for n in _EXAMPLE_LENGTHS
    ]
