"""Learners trained on one text."""

import random
from collections.abc import Sequence
from typing import Any

from fastai.data.core import Datasets
from fastai.text.core import Tokenizer
from fastai.text.data import Numericalize

from ..errors import NotServable
from ..signature import InputSpec, TextInput
from ..validation import Item

_EXAMPLE_LENGTHS = (0, 1, 5, 12, 40, 150)


class TextKind:
    """Text classifiers and regressors: one text through a tokenizer and a vocabulary."""

    def input_spec(self, learner: Any) -> InputSpec | None:
        """See Kind.input_spec."""
        transforms = _transforms(learner.dls)
        if not any(isinstance(transform, Numericalize) for transform in transforms):
            return None
        for tokenizer in transforms:
            columns = getattr(tokenizer, "text_cols", ())
            if (
                isinstance(tokenizer, Tokenizer)
                and not isinstance(columns, str)
                and len(columns) > 1
            ):
                raise NotServable(
                    f"the learner was trained on the text columns {', '.join(columns)}, whose "
                    "field marks a single text lacks; only learners on one text can be served yet"
                )
        return TextInput()

    def examples(self, learner: Any, spec: InputSpec) -> Sequence[Item]:
        """Make texts of several lengths out of the vocabulary's words."""
        vocab = next(t.vocab for t in _transforms(learner.dls) if isinstance(t, Numericalize))
        words = [word for word in vocab if word.isalnum() and not word.startswith("xx")]
        choose = random.Random(0)  # noqa: S311 - reproducible, not secret
        return [" ".join(choose.choices(words or ["word"], k=n)) for n in _EXAMPLE_LENGTHS]

    def encode(self, item: Item) -> Any:
        """See Kind.encode."""
        return item


def _transforms(dls: Any) -> list[Any]:
    dataset = dls.valid_ds
    if not isinstance(dataset, Datasets) or dataset.n_inp != 1:
        return []
    return list(dataset.tls[0].tfms.fs)
