"""Seals the network of a text learner: its recurrent layers, and the head on what they say."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.layers import LinBnDrop, SigmoidRange
from fastai.text.models.awdlstm import AWD_LSTM, EmbeddingDropout, RNNDropout, WeightDropout
from fastai.text.models.core import PoolingLinearClassifier, SentenceEncoder, SequentialRNN
from torch import Tensor, nn

from ..sealed.reader import ReaderRecipe
from .onnx_export import write_onnx
from .outputs import answered
from .plan import Unplanned
from .recurrent import Recurrent
from .recurrent_onnx import write_recurrent

_MODULES = {
    *(SequentialRNN, SentenceEncoder, PoolingLinearClassifier),
    *(AWD_LSTM, EmbeddingDropout, RNNDropout, WeightDropout, nn.LSTM, nn.Embedding),
    *(nn.ModuleList, nn.Sequential, LinBnDrop, nn.BatchNorm1d, nn.Dropout, nn.Linear, nn.ReLU),
    SigmoidRange,
}
_ROWS = 3
_LAYERS, _HEAD = "layers.onnx", "head.onnx"


class _Head(nn.Module):
    """The layers on what was pooled, and what the loss makes of their output."""

    def __init__(self, layers: nn.Module, loss: Any) -> None:
        super().__init__()
        self._layers, self._loss = layers, loss

    def forward(self, *pooled: Tensor) -> tuple[Tensor, ...]:
        return answered(self._loss, self._layers(*pooled))


def seal_reader(learner: Any, directory: Path) -> ReaderRecipe:
    """Write down how a text learner's model reads, and its networks into a directory.

    Raises:
        Unplanned: it does something that no recipe can tell.
        Exception: a network cannot be exported.
    """
    model = _known(learner.model).eval()
    encoder, head = model
    recurrent = Recurrent(encoder.module)
    write_recurrent(recurrent, directory / _LAYERS)
    pooled = np.zeros((_ROWS, 3 * recurrent.widths[-1]), np.float32)
    write_onnx(_Head(head.layers, learner.loss_func).eval(), [pooled], directory / _HEAD)
    return ReaderRecipe(
        widths=tuple(recurrent.widths),
        work=recurrent.work,
        chunk=encoder.bptt,
        window=encoder.max_len,
        pad=encoder.pad_idx,
        layers=_LAYERS,
        head=_HEAD,
    )


def _known(model: Any) -> Any:
    for module in model.modules():
        if type(module) not in _MODULES:
            raise Unplanned(f"the module {type(module).__name__} is not known")
    parts = [type(model), *map(type, model.children())]
    if parts != [SequentialRNN, SentenceEncoder, PoolingLinearClassifier]:
        raise Unplanned("its model is not one that reads and then pools a text")
    encoder = model[0]
    if type(encoder.module) is not AWD_LSTM or encoder.module.n_dir != 1:
        raise Unplanned("it reads texts in both directions, and so the padding first")
    if encoder.max_len is not None and encoder.max_len < encoder.bptt:
        raise Unplanned("it pools less than a chunk of a text")
    if any(p.dtype != torch.float32 or p.device.type != "cpu" for p in model.parameters()):
        raise Unplanned("its weights are not float32 on the CPU")
    return model
