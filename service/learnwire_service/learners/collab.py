"""Collaborative filtering learners: a user and an item to a rating."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from fastai.collab import TabularCollab

from ..signature.specs import RegressionOutput, Signature, TabularInput
from ..signature.validation import Item
from .adapter import BuiltInAdapter
from .outputs import ask_loader, check_loss
from .tabular import described_columns, example_rows


class CollabAdapter(BuiltInAdapter):
    """A user and an item, by their ids.

    `learner.predict` takes no such row, so the learner is asked through `test_dl` and
    `get_preds`; with two rows at once, because the dot product model fails on one.
    """

    batch_items = 256
    oracle = "learner.get_preds(dl=learner.dls.test_dl(frame), with_decoded=True)"

    @staticmethod
    def serves(learner: Any) -> bool:
        """See BuiltInAdapter.serves."""
        return isinstance(learner.dls.valid_ds, TabularCollab)

    def describe(self) -> Signature:
        """See BuiltInAdapter.describe."""
        check_loss(self.learner.loss_func)
        table = self.learner.dls.valid_ds
        return Signature(
            input=TabularInput(columns=tuple(described_columns(self.learner.dls))),
            output=RegressionOutput(targets=tuple(map(str, table.y_names))),
        )

    def examples(self) -> Sequence[Item]:
        """Walk through the users and items."""
        assert isinstance(self.signature.input, TabularInput)  # noqa: S101 - see describe
        return example_rows(self.signature.input)

    def ask(self, encoded: Any) -> Any:
        """Answer the row."""
        return self.ask_many([encoded])[0]

    def ask_many(self, encoded: Sequence[Any]) -> Sequence[Any]:
        """Answer all rows as one frame, a lone one beside itself."""
        frame = pd.DataFrame(list(encoded) if len(encoded) > 1 else [*encoded, *encoded])
        loader = self.learner.dls.test_dl(frame, num_workers=0, bs=len(frame))
        return ask_loader(self.learner, loader)[: len(encoded)]
