"""What a learner answers: told from its loss and its targets, decoded into predictions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from fastai.data.core import Datasets
from fastai.data.transforms import get_c
from fastai.vision.core import PILMask, TensorBBox, TensorMask, TensorPoint
from fastcore.foundation import L
from learnwire_client.prediction import AnyPrediction, Several
from numpy.typing import NDArray
from torch import nn

from ..common.errors import NotServable
from ..sealed.answering import check_sizes
from ..signature.answers import assemble
from ..signature.specs import (
    HeadSpec,
    MaskOutput,
    MultiLabelOutput,
    OutputSpec,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    SingleLabelOutput,
)
from .raw import as_numpy

_Array = NDArray[Any]


class OtherLabel(NotServable):
    """Raised when `learner.predict` tells another label than its tensors."""


# Label, index or mask or values, probabilities.
_PARTS = 3


def output_spec(learner: Any) -> OutputSpec:
    """Tell what a learner answers; its loss is asked what it makes of a raw output.

    Raises:
        NotServable: the loss does not say.
    """
    check_loss(learner.loss_func)
    heads = _heads(learner.dls)
    raw = [torch.zeros(1, _width(learner.dls, head)) for head in heads]
    decoded = _decoded(learner.loss_func, raw if len(raw) > 1 else raw[0])
    specs = [
        _head_spec(learner, head, one, raw_one.shape[1])
        for head, one, raw_one in zip(heads, decoded, raw, strict=True)
    ]
    return specs[0] if len(specs) == 1 else SeveralOutput(heads=tuple(specs))


def check_loss(loss: Any) -> None:
    """Check that a loss turns raw outputs into answers.

    Raises:
        NotServable: it has no activation or no decodes.
    """
    if hasattr(loss, "activation") and hasattr(loss, "decodes"):
        return
    raise NotServable(
        f"the loss {getattr(loss, '__name__', type(loss).__name__)} has no activation and no "
        "decodes, so learner.predict would give raw outputs as probabilities; set "
        "learner.loss_func to fastai's own (CrossEntropyLossFlat(), BCEWithLogitsLossFlat(), "
        "MSELossFlat(), ...) and save again; no training is needed for that"
    )


def ask_heads(learner: Any, encoded: Sequence[Any]) -> list[tuple[None, Any, Any]]:
    """Ask a learner for all outputs of several items at once.

    Of several outputs `learner.predict` gives only the first's tensors.
    """
    return ask_loader(learner, learner.dls.test_dl(list(encoded), num_workers=0, bs=len(encoded)))


def ask_loader(learner: Any, loader: Any) -> list[tuple[None, Any, Any]]:
    """Ask a learner for all outputs of a loader's items, each as `decode` takes it."""
    raw, _, decoded = learner.get_preds(dl=loader, with_decoded=True)
    if isinstance(raw, torch.Tensor):
        return [(None, *values) for values in zip(decoded, raw, strict=True)]
    by_item = zip(zip(*decoded, strict=True), zip(*raw, strict=True), strict=True)
    return [(None, *values) for values in by_item]


def decode(spec: OutputSpec, answer: Any) -> AnyPrediction:
    """Bring what `learner.predict` returned (label, decoded, raw) to numpy and str.

    An adapter of a user's may answer with tensors, arrays, or lists and numbers.

    Raises:
        ValueError: it is no such answer.
    """
    if not isinstance(answer, tuple | list) or len(answer) != _PARTS:
        raise ValueError(
            "expected an answer as learner.predict gives it, (label, index, probabilities), got "
            f"{answer!r:.100}; bring yours to a prediction in the adapter's decode"
        )
    label, decoded, raw = answer
    if isinstance(spec, SeveralOutput):
        heads = zip(spec.heads, decoded, raw, strict=True)
        return Several.of([decode(head, (None, *values)) for head, *values in heads])
    points = as_numpy(label) if isinstance(spec, PointsOutput) else None
    index, values = as_numpy(decoded), as_numpy(raw)
    check_sizes(spec, index[None], values[None])
    return assemble(spec, index, values, points)


def check_label(spec: OutputSpec, answer: Any, prediction: AnyPrediction) -> None:
    """Check that a prediction says what `learner.predict` says in words.

    Raises:
        OtherLabel: it says something else.
    """
    label, told = answer[0], getattr(prediction, "label", None)
    match spec:
        case SingleLabelOutput() if isinstance(label, str):
            agree = str(label) == told
        case MultiLabelOutput() if _are(label, str):
            agree = tuple(map(str, label)) == told
        case RegressionOutput() if _are(label, int | float) or isinstance(label, int | float):
            numbers = np.asarray(label, np.float64).reshape(-1)
            values = prediction.probabilities
            agree = numbers.shape == values.shape and np.allclose(numbers, values, rtol=1e-4)
        case _:
            return
    if not agree:
        raise OtherLabel(
            f"learner.predict answers {label!r:.50} where its tensors say {told!r:.50}: a "
            "transform of its targets decodes them to something else; write an adapter that does "
            "so too (save_model(..., adapter=...))"
        )


def _are(values: Any, kind: Any) -> bool:
    return isinstance(values, tuple | list | L) and all(isinstance(one, kind) for one in values)


class Answering(nn.Module):
    """A network and what its loss makes of its outputs, as `get_preds` does.

    Args:
        learner: gives both.
    """

    def __init__(self, learner: Any) -> None:
        super().__init__()
        self._network, self._loss = learner.model, learner.loss_func

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Give each output activated, and then each decoded."""
        return answered(self._loss, self._network(*inputs))


def answered(loss: Any, raw: Any) -> tuple[torch.Tensor, ...]:
    """Give what a loss makes of raw outputs: each activated, and then each decoded."""
    activated = loss.activation(raw)
    decoded = loss.decodes(activated)
    return *_each(activated), *_each(decoded)


def _heads(dls: Any) -> list[Any]:
    """Give the pipelines of the targets; a table's targets are one output."""
    dataset = dls.valid_ds
    return list(dataset.tls[dataset.n_inp :]) if isinstance(dataset, Datasets) else [None]


def _width(dls: Any, head: Any) -> int:
    if head is None:
        return int(max(get_c(dls), 1))
    classes = len(getattr(head, "vocab", None) or ())
    return int(classes or getattr(head, "c", None) or _size(head) or get_c(dls) or 1)


def _size(head: Any) -> int:
    """Count the numbers of a target that the data set holds; 0 where it holds none."""
    try:
        return int(as_numpy(head[0]).size)
    except Exception:  # noqa: BLE001 - it may be anything, or elsewhere by now
        return 0


def _decoded(loss: Any, raw: Any) -> list[torch.Tensor]:
    return _each(loss.decodes(loss.activation(raw)))


def _each(outputs: Any) -> list[torch.Tensor]:
    return list(outputs) if isinstance(outputs, tuple | list) else [outputs]


def _head_spec(learner: Any, head: Any, decoded: torch.Tensor, width: int) -> HeadSpec:
    types = _types(head)
    if TensorBBox in types:
        raise NotServable("object detection is not served as it is; write an adapter for it")
    if TensorPoint in types:
        return PointsOutput(count=width // 2)
    if PILMask in types or TensorMask in types:
        # AddMaskCodes, an item transform, is what knows the codes.
        return MaskOutput(classes=_strings(getattr(learner.dls.valid.after_item, "vocab", None)))
    names = getattr(learner.dls, "y_names", None)
    classes = class_names(learner.dls, head)
    return told_by(decoded, learner.loss_func, classes=classes, targets=_strings(names))


def class_names(dls: Any, head: Any = None) -> tuple[str, ...]:
    """Give the names of classes in their order, as `learner.predict` tells them.

    Args:
        dls: the learner's data.
        head: the list of targets, where the data set has several; its transforms may rename.
    """
    names = _strings(getattr(dls if head is None else head, "vocab", None))
    try:
        told = [head.decode(torch.tensor(i)) for i in range(len(names))]
    except Exception:  # noqa: BLE001 - these targets may be no single classes
        return names
    return tuple(map(str, told)) if all(isinstance(one, str) for one in told) else names


def told_by(
    decoded: torch.Tensor, loss: Any, *, classes: tuple[str, ...], targets: tuple[str, ...]
) -> HeadSpec:
    """Tell what an output is by the type of its decoded values, of shape [1, n] or [1]."""
    if decoded.is_floating_point():
        width = decoded[0].numel()
        fallback = tuple(f"value_{i}" for i in range(width)) if width > 1 else ("value",)
        return RegressionOutput(targets=targets if len(targets) == width else fallback)
    if decoded.dtype == torch.bool:
        return MultiLabelOutput(classes=classes, threshold=getattr(loss, "thresh", 0.5))
    return SingleLabelOutput(classes=classes)


def _types(head: Any) -> list[type]:
    if head is None:
        return []
    last = head.types[-1]
    return list(last) if isinstance(last, tuple | list) else [last]


def _strings(values: Any) -> tuple[str, ...]:
    return () if values is None else tuple(map(str, values))
