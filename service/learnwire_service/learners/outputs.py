"""What a learner answers: told from its loss and its targets, decoded into predictions."""

from typing import Any

import numpy as np
import torch
from fastai.data.core import Datasets
from fastai.data.transforms import get_c
from fastai.vision.core import TensorMask, TensorPoint
from learnwire_client.prediction import AnyPrediction, Mask, MultiLabel, Regression, SingleLabel
from numpy.typing import NDArray

from ..errors import NotServable
from ..signature import (
    MaskOutput,
    MultiLabelOutput,
    OutputSpec,
    RegressionOutput,
    SingleLabelOutput,
)


def output_spec(learner: Any) -> OutputSpec:
    """Tell what a learner answers.

    The loss is asked what it makes of one raw output, as `learner.predict` asks it.

    Raises:
        NotServable: the loss does not say, or the learner has several outputs.
    """
    loss, targets = learner.loss_func, _target_types(learner.dls)
    if not (hasattr(loss, "activation") and hasattr(loss, "decodes")):
        raise NotServable(
            f"the loss {_name(loss)} has no activation and no decodes, so learner.predict would "
            "give raw outputs as probabilities; set learner.loss_func to fastai's own "
            "(CrossEntropyLossFlat(), BCEWithLogitsLossFlat(), MSELossFlat(), ...) and save again; "
            "no training is needed for that"
        )
    if TensorPoint in targets:
        raise NotServable("learners that answer points cannot be served yet")
    raw = torch.zeros(1, max(get_c(learner.dls), 1))
    decoded = loss.decodes(loss.activation(raw))
    classes = tuple(map(str, getattr(learner.dls, "vocab", None) or ()))
    if decoded.is_floating_point():
        return RegressionOutput(targets=_target_names(learner.dls, raw.shape[1]))
    if decoded.dtype == torch.bool:
        return MultiLabelOutput(classes=_classes(learner.dls), threshold=loss.thresh)
    if TensorMask in targets:
        return MaskOutput(classes=classes)
    return SingleLabelOutput(classes=_classes(learner.dls))


def decode(spec: OutputSpec, answer: tuple[Any, torch.Tensor, torch.Tensor]) -> AnyPrediction:
    """Bring what `learner.predict` returned to numpy and str."""
    _, decoded, raw = answer
    return prediction(spec, _to_numpy(decoded), _to_numpy(raw))


def prediction(spec: OutputSpec, index: NDArray[Any], probabilities: NDArray[Any]) -> AnyPrediction:
    """Make the prediction of one item from its decoded and its raw values.

    Args:
        spec: what the model answers.
        index: a class index, a mask over classes, values, or a class index a pixel.
        probabilities: a probability for each class, values, or [C, H, W].
    """
    probabilities = probabilities.astype(np.float32)
    match spec:
        case SingleLabelOutput():
            return SingleLabel(spec.classes[int(index)], int(index), probabilities)
        case MultiLabelOutput():
            mask = index.astype(np.bool_)
            labels = tuple(name for name, on in zip(spec.classes, mask, strict=True) if on)
            return MultiLabel(labels, mask, probabilities)
        case RegressionOutput():
            return Regression.of(probabilities)
        case MaskOutput():
            pixels = index.astype(np.int64)
            return Mask(pixels, pixels, probabilities)


def _to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().as_subclass(torch.Tensor).numpy()


def _target_types(dls: Any) -> list[type]:
    dataset = dls.valid_ds
    if not isinstance(dataset, Datasets):
        return []
    heads = dataset.tls[dataset.n_inp :]
    if len(heads) != 1:
        raise NotServable(f"learners with {len(heads)} outputs cannot be served yet, only with one")
    last = heads[0].types[-1]
    return list(last) if isinstance(last, tuple | list) else [last]


def _classes(dls: Any) -> tuple[str, ...]:
    dataset = dls.valid_ds
    vocab = dataset.tls[-1].vocab if isinstance(dataset, Datasets) else dls.vocab
    return tuple(map(str, vocab))


def _target_names(dls: Any, count: int) -> tuple[str, ...]:
    names = tuple(getattr(dls, "y_names", ()))
    if len(names) == count:
        return names
    return tuple(f"value_{i}" for i in range(count)) if count > 1 else ("value",)


def _name(loss: Any) -> str:
    return getattr(loss, "__name__", type(loss).__name__)
