"""The network of a text learner, without what only training and padding need."""

from typing import Any

import torch
from torch import Tensor, nn

# For one layer after the other what it puts out and its cell, [1, rows, width]; all zeros at a
# text's beginning.
State = tuple[Tensor, ...]


class Recurrent(nn.Module):
    """An AWD_LSTM's embedding and layers, its state handed in and out.

    The weights are those of the AWD_LSTM itself, not the clones that it drops out of.

    Attributes:
        widths: of each layer's output.
        work: how many multiplications a step of a row takes.
    """

    def __init__(self, awd: Any) -> None:
        super().__init__()
        layers = [_bare(dropped) for dropped in awd.rnns]
        self.widths = [layer.hidden_size for layer in layers]
        self.work = sum(4 * one.hidden_size * (one.input_size + one.hidden_size) for one in layers)
        self.embedding = awd.encoder_dp.emb
        self.layers = nn.ModuleList(layers)

    def start(self, rows: int) -> State:
        """Give the state at the beginning of so many texts."""
        return tuple(torch.zeros(1, rows, width) for width in self.widths for _ in range(2))

    def forward(self, tokens: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Read the next tokens [steps, rows]; give the outputs [steps, rows, width] and a state."""
        outputs: Tensor = self.embedding(tokens)
        after: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            outputs, last = layer(outputs, state[2 * number : 2 * number + 2])
            after += last
        return outputs, *after


def _bare(dropped: Any) -> nn.LSTM:
    """Give the LSTM inside a WeightDropout over the raw weights, which stay where they are."""
    inner = dropped.module
    layer = nn.LSTM(inner.input_size, inner.hidden_size, device="meta")
    layer.weight_ih_l0, layer.weight_hh_l0 = inner.weight_ih_l0, dropped.weight_hh_l0_raw
    layer.bias_ih_l0, layer.bias_hh_l0 = inner.bias_ih_l0, inner.bias_hh_l0
    return layer
