"""What a network puts out, decoded into predictions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from learnwire_client.prediction import AnyPrediction, Several
from numpy.typing import NDArray

from ..observe.tracing import network_done
from ..signature.answers import Outcome, Stacked, assemble
from ..signature.specs import (
    HeadSpec,
    MultiLabelOutput,
    OutputSpec,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    SingleLabelOutput,
)

_Array = NDArray[Any]


def decode_batch(spec: OutputSpec, outputs: Sequence[_Array]) -> Sequence[Outcome]:
    """Turn what was answered to a batch into predictions.

    Args:
        spec: what the model answers; points are none of its business.
        outputs: each output activated, and then each decoded, as its loss does; the items lie
            along the first axis of each.
    """
    network_done()
    heads = spec.heads if isinstance(spec, SeveralOutput) else (spec,)
    by_head = zip(heads, outputs[len(heads) :], outputs[: len(heads)], strict=True)
    answers = [_answers(*head) for head in by_head]
    if not isinstance(spec, SeveralOutput):
        return answers[0]
    return [Several.of(one) for one in zip(*answers, strict=True)]


def _answers(spec: HeadSpec, index: _Array, activated: _Array) -> Sequence[AnyPrediction]:
    probabilities = activated.astype(np.float32, copy=False)
    check_sizes(spec, index, probabilities)
    match spec:
        case SingleLabelOutput():
            return Stacked(spec, index.reshape(-1), probabilities)
        case MultiLabelOutput():
            return Stacked(spec, index.astype(np.bool_, copy=False), probabilities)
        case RegressionOutput():
            values = probabilities.reshape(len(probabilities), -1)
            return Stacked(spec, values, values)
        case _:
            return [assemble(spec, *one) for one in zip(index, probabilities, strict=True)]


def check_sizes(spec: HeadSpec, index: _Array, values: _Array) -> None:
    """Check that items, along the first axis, are answered with as many values as they must be.

    Raises:
        ValueError: they are not; the network does not fit its classes or targets.
    """
    match spec:
        case SingleLabelOutput(classes=names) | MultiLabelOutput(classes=names):
            what, wanted = "probabilities", ("classes", len(names))
        case RegressionOutput(targets=names):
            what, wanted = "numbers", ("targets", len(names))
        case PointsOutput(count=count):
            what, wanted = "numbers", ("coordinates", 2 * count)
        case _:
            return
    noun, count = wanted
    if (got := values[0].size) != count:
        raise ValueError(f"the model answers {got} {what}, and there are {count} {noun}")
    if isinstance(spec, SingleLabelOutput) and index[0].size != 1:
        raise ValueError(f"the model answers {index[0].size} labels where there is to be one")
