"""The layers of a text learner, without what only training needs."""

from typing import Any

from torch import nn


class Recurrent:
    """An AWD_LSTM's embedding and layers.

    The weights are those of the AWD_LSTM itself, not the clones that it drops out of.

    Attributes:
        embedding: of the vocabulary's words.
        layers: one after the other.
        widths: of each layer's output.
        work: how many multiplications a step of a row takes.
    """

    def __init__(self, awd: Any) -> None:
        self.embedding: nn.Embedding = awd.encoder_dp.emb
        self.layers = [_bare(dropped) for dropped in awd.rnns]
        self.widths = [layer.hidden_size for layer in self.layers]
        self.work = sum(
            4 * one.hidden_size * (one.input_size + one.hidden_size) for one in self.layers
        )


def _bare(dropped: Any) -> nn.LSTM:
    """Give the LSTM inside a WeightDropout over the raw weights, which stay where they are."""
    inner = dropped.module
    layer = nn.LSTM(inner.input_size, inner.hidden_size, device="meta")
    layer.weight_ih_l0, layer.weight_hh_l0 = inner.weight_ih_l0, dropped.weight_hh_l0_raw
    layer.bias_ih_l0, layer.bias_hh_l0 = inner.bias_ih_l0, inner.bias_hh_l0
    return layer
