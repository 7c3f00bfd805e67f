"""Serves tsai's time series classifiers, whose `learner.predict` takes no single series."""

from typing import Any

import learnwire_service as lw
import numpy as np


class TsaiAdapter(lw.Adapter):
    """A series of shape [variables, steps], float32, to one label."""

    def describe(self) -> lw.Signature:
        """Tell the shape from the data set and the classes from the vocabulary."""
        shape = tuple(self.learner.dls.valid_ds[0][0].shape)
        series = lw.ArrayInput(shape=shape, dtype="float32", axes=("variables", "steps"))
        classes = tuple(map(str, self.learner.dls.vocab))
        return lw.Signature(input=series, output=lw.SingleLabelOutput(classes=classes))

    def examples(self) -> list[Any]:
        """Make up noise of the right shape."""
        assert isinstance(self.signature.input, lw.ArrayInput)
        noise = np.random.default_rng(0).normal(size=(3, *self.signature.input.shape))
        return list(noise.astype(np.float32))

    def ask(self, encoded: Any) -> tuple[None, Any, Any]:
        """Ask through tsai's own loader, as tsai does."""
        loader = self.learner.dls.valid.new_dl(encoded[None])
        probabilities, _, decoded = self.learner.get_preds(dl=loader, with_decoded=True)
        return None, decoded[0], probabilities[0]
