"""The network of a text learner, without what only training and padding need."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

# For one layer after the other what it puts out and its cell, [1, rows, width]; all zeros at a
# text's beginning.
State = tuple[Tensor, ...]

# As many steps at once read the input's weights seldom enough; more only take more memory.
_STEPS = 72
# To call the layers anew, mostly with a shape that the kernels must first be made for, takes as
# long as so many steps of a row that has ended, and as long as so many multiplications.
_CALL_STEPS, _CALL_WORK = 8, 60_000_000
# Texts of almost the same length end together, for the same reason.
_GRAIN = 4


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


def packed(recurrent: Recurrent) -> Recurrent:
    """Copy it with its weights laid out as the processor's kernels read them.

    Laid out anew at each call, for rows of any number, they take a fifth longer for one row.
    """
    made = copy(recurrent)
    if torch.backends.mkldnn.is_available():
        layers = cast("Iterable[nn.LSTM]", recurrent.layers)
        made._modules = {**recurrent._modules, "layers": nn.ModuleList(map(_Packed, layers))}
    return made


class Reader:
    """Reads texts of different lengths together, and pools what it finds in each of them.

    A row is read no further than its text is long, but for a few steps where that saves a call:
    fastai's chunks carry the state along, so where they begin makes no difference to it.

    Args:
        recurrent: knows the state at a text's beginning, and what a step costs.
        read: reads tokens, as `recurrent` does.
        chunk: how many tokens fastai reads at once.
        window: of a longer text only the chunks that begin in its last so many tokens are pooled.
    """

    def __init__(
        self,
        recurrent: Recurrent,
        read: Callable[..., Sequence[Tensor]],
        chunk: int,
        window: int | None,
    ) -> None:
        self._recurrent = recurrent
        self._read = read
        self._chunk = chunk
        self._window = window
        self._call = _CALL_STEPS + _CALL_WORK // recurrent.work

    def read(self, texts: Sequence[Tensor]) -> Tensor:
        """Give each text's last output, maxima and means, [texts, 3 * width].

        Args:
            texts: their tokens, the longest first.
        """
        begins = torch.tensor([self._pooled_from(len(text)) for text in texts])
        ends = torch.tensor([len(text) for text in texts])
        tokens = pad_sequence(list(texts))
        state, pool = self._recurrent.start(len(texts)), _Pool(begins, ends)
        for start, stop in pairwise(_cuts(begins.tolist(), ends.tolist(), self._call)):
            rows = int((ends > start).sum())
            if rows < state[0].shape[1]:
                state = tuple(part[:, :rows].contiguous() for part in state)
            outputs, *after = self._read(tokens[start:stop, :rows].contiguous(), *state)
            state = tuple(after)
            pool.add(outputs, start)
        return pool.result()

    def _pooled_from(self, length: int) -> int:
        if self._window is None or length <= self._window:
            return 0
        return -(-(length - self._window) // self._chunk) * self._chunk


class _Pool:
    """The running last output, maxima and sums of rows that are pooled from begins to ends."""

    def __init__(self, begins: Tensor, ends: Tensor) -> None:
        self._begins, self._ends = begins, ends
        self._last: Tensor | None = None

    def add(self, outputs: Tensor, start: int) -> None:
        """Take the outputs [steps, rows, width] from step `start` on, of the first rows."""
        steps, rows, width = outputs.shape
        if self._last is None:
            self._last = outputs.new_zeros(len(self._ends), width)
            self._sum = torch.zeros_like(self._last)
            self._max = torch.full_like(self._last, -torch.inf)
        left = self._ends[:rows] - start
        ended = (left <= steps).nonzero()[:, 0]
        self._last[ended] = outputs[left[ended] - 1, ended]
        # Longer texts are pooled from later on, and stand first.
        skipped = int((self._begins[:rows] > start).sum())
        outputs, left = outputs[:, skipped:], left[skipped:]
        if skipped < rows and int(left[-1]) < steps:
            over = (torch.arange(steps)[:, None] >= left)[:, :, None]
            self._sum[skipped:rows] += outputs.masked_fill(over, 0).sum(0)
            outputs = outputs.masked_fill(over, -torch.inf)
        elif skipped < rows:
            self._sum[skipped:rows] += outputs.sum(0)
        if skipped < rows:
            top = self._max[skipped:rows]
            torch.maximum(top, outputs.amax(0), out=top)

    def result(self) -> Tensor:
        """Give them beside each other."""
        assert self._last is not None  # noqa: S101 - no text is empty
        means = self._sum / (self._ends - self._begins)[:, None]
        return torch.cat([self._last, self._max, means], 1)


def _cuts(begins: Sequence[int], ends: Sequence[int], call: int) -> list[int]:
    """Tell between which steps to call the layers, for texts whose ends stand longest first."""
    longest = ends[0]
    rounded = [min(-(-end // _GRAIN) * _GRAIN, longest) for end in reversed(ends)]
    points, idle = {0, longest, *begins}, 0
    for end, following in pairwise(rounded):
        idle += 1
        if idle * (following - end) >= call:
            points.add(end)
            idle = 0
    return [0, *(cut for gap in pairwise(sorted(points)) for cut in _even(*gap))]


def _even(start: int, stop: int) -> Iterator[int]:
    parts = -(-(stop - start) // _STEPS)
    return (start + (stop - start) * part // parts for part in range(1, parts + 1))


class _Packed(nn.Module):
    """An LSTM layer over the kernels' own layout of its weights."""

    def __init__(self, layer: nn.LSTM) -> None:
        super().__init__()
        self._layer = layer
        self._width = layer.hidden_size
        self._biases = [layer.bias_ih_l0.data, layer.bias_hh_l0.data]

    @cached_property
    def _weights(self) -> Sequence[Tensor]:
        # Made when first used: where ONNX Runtime serves, that is never.
        weights: Sequence[Tensor] = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight(
            self._layer.weight_ih_l0.data,
            self._layer.weight_hh_l0.data,
            hidden_size=self._width,
            reverse=False,
            has_biases=True,
            batch_first=False,
            input_size=[_STEPS, 16, self._layer.input_size],
        )
        return weights

    def forward(
        self, inputs: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        out, cell = (part.contiguous() for part in state)
        outputs, out, cell, _ = torch.ops.aten.mkldnn_rnn_layer(
            inputs,
            *self._weights,
            *self._biases,
            out,
            cell,
            reverse=False,
            batch_sizes=[],
            mode=2,  # LSTM
            hidden_size=self._width,
            num_layers=1,
            has_biases=True,
            bidirectional=False,
            batch_first=False,
            train=False,
        )
        return outputs, (out, cell)


def _bare(dropped: Any) -> nn.LSTM:
    """Give the LSTM inside a WeightDropout over the raw weights, which stay where they are."""
    inner = dropped.module
    layer = nn.LSTM(inner.input_size, inner.hidden_size, device="meta")
    layer.weight_ih_l0, layer.weight_hh_l0 = inner.weight_ih_l0, dropped.weight_hh_l0_raw
    layer.bias_ih_l0, layer.bias_hh_l0 = inner.bias_ih_l0, inner.bias_hh_l0
    return layer
