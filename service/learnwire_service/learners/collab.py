"""Collaborative filtering learners: a user and an item to a rating."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from fastai.collab import TabularCollab

from ..signature import RegressionOutput, Signature, TabularInput
from ..validation import Item
from .adapter import BuiltInAdapter
from .outputs import check_loss
from .tabular import described_columns, example_rows


class CollabAdapter(BuiltInAdapter):
    """A user and an item, by their ids.

    `learner.predict` takes no such row, so the learner is asked through `test_dl` and
    `get_preds`; with two rows at once, because the dot product model fails on one.
    """

    @staticmethod
    def serves(learner: Any) -> bool:
        """See BuiltInAdapter.serves."""
        return isinstance(learner.dls.valid_ds, TabularCollab)

    def describe(self) -> Signature:
        """See BuiltInAdapter.describe."""
        check_loss(self.learner.loss_func)
        table = self.learner.dls.valid_ds
        return Signature(
            input=TabularInput(columns=tuple(described_columns(table))),
            output=RegressionOutput(targets=tuple(map(str, table.y_names))),
        )

    def examples(self) -> Sequence[Item]:
        """Walk through the users and items."""
        assert isinstance(self.signature.input, TabularInput)  # noqa: S101 - see describe
        return example_rows(self.signature.input)

    def encode(self, item: Item) -> Any:
        """Make a frame of two rows, both the item."""
        return pd.DataFrame([item, item])

    def ask(self, encoded: Any) -> tuple[None, torch.Tensor, torch.Tensor]:
        """Answer the first of the two rows."""
        loader = self.learner.dls.test_dl(encoded, num_workers=0)
        raw, _, decoded = self.learner.get_preds(dl=loader, with_decoded=True)
        return None, decoded[0].reshape(-1), raw[0].reshape(-1)
