"""Answers to tensors: each part of an answer is an output, which is stacked for all items."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from learnwire_client.arrays import AnyArray
from learnwire_client.errors import Violation

from ...common.errors import InvalidInput
from ...signature.answers import Stacked
from ...signature.specs import (
    HeadSpec,
    MaskOutput,
    MultiLabelOutput,
    OutputSpec,
    PointsOutput,
    RegressionOutput,
    SeveralOutput,
    SingleLabelOutput,
)
from .tensors import BYTES

if TYPE_CHECKING:
    from .messages import pb

# Good answers to all items of a batch.
Answers = Sequence[Any]
_MOST_LISTED = 20
# Of outputs' parameters those without which an answer would be another.
_UNSERVED = {"classification", "shared_memory_region"}


@dataclass(frozen=True)
class Output:
    """One part of all answers.

    Attributes:
        name: what it is called.
        datatype: the protocol's name of its element type.
        shape: without the batch; -1 where any size may come.
        read: gives it of answers, the batch first.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    read: Callable[[Answers], AnyArray]


def outputs_of(spec: OutputSpec) -> dict[str, Output]:
    """Give what a model answers, by name; those of one output of several begin with which."""
    if not isinstance(spec, SeveralOutput):
        return {one.name: one for one in _of_head(spec)}
    found: dict[str, Output] = {}
    for i, head in enumerate(spec.heads):
        for one in _of_head(head):
            name = f"output_{i + 1}.{one.name}"
            found[name] = Output(name, one.datatype, one.shape, partial(_of_part, one.read, i))
    return found


def asked(outputs: Mapping[str, Output], request: "pb.ModelInferRequest") -> list[Output]:
    """Give the outputs that a request asks for, in its order.

    Raises:
        InvalidInput: the model has none of that name, or it is asked for twice.
    """
    found: dict[str, Output] = {}
    for i, one in enumerate(request.outputs):
        if one.name in found or one.name not in outputs:
            known = ", ".join(f'"{name}"' for name in list(outputs)[:_MOST_LISTED])
            twice = " twice" if one.name in found else ""
            problem = f'expected one of {known}, got "{one.name[:80]}"{twice}'
            raise InvalidInput([Violation(f"outputs[{i}].name", problem)])
        if what := _UNSERVED.intersection(one.parameters):
            path = f"outputs[{json.dumps(one.name)}].parameters"
            raise InvalidInput([Violation(path, f"{', '.join(sorted(what))} is not served here")])
        found[one.name] = outputs[one.name]
    return list(found.values()) or list(outputs.values())


def _of_part(read: Callable[[Answers], AnyArray], i: int, answers: Answers) -> AnyArray:
    return read([answer.heads[i] for answer in answers])


def _of_head(spec: HeadSpec) -> list[Output]:
    match spec:
        case SingleLabelOutput(classes=classes):
            return [
                Output("label", BYTES, (), partial(_labels, np.array(classes, object))),
                Output("index", "INT64", (), _indices),
                _probabilities(len(classes)),
            ]
        case MultiLabelOutput(classes=classes):
            return [
                Output("labels", BYTES, (-1,), _several_labels),
                Output("mask", "BOOL", (len(classes),), partial(_column, "decoded", "index")),
                _probabilities(len(classes)),
            ]
        case RegressionOutput(targets=targets):
            return [Output("values", "FP32", (len(targets),), _numbers)]
        case MaskOutput(classes=classes):
            return [
                Output("mask", "INT64", (-1, -1), partial(_stacked, "mask", "index")),
                Output(
                    "probabilities",
                    "FP32",
                    (len(classes) or -1, -1, -1),
                    partial(_stacked, "probabilities", "probabilities"),
                ),
            ]
        case PointsOutput(count=count):
            return [
                Output("points", "FP32", (count, 2), partial(_stacked, "points", "label")),
                Output("decoded", "FP32", (-1,), partial(_stacked, "decoded", "index")),
                Output("raw", "FP32", (-1,), partial(_stacked, "raw", "probabilities")),
            ]


def _probabilities(width: int) -> Output:
    return Output("probabilities", "FP32", (width,), _numbers)


def _column(stacked: str, part: str, answers: Answers) -> AnyArray:
    """Give a part of answers that come as columns or one by one."""
    if isinstance(answers, Stacked):
        found: AnyArray = getattr(answers, stacked)
        return found
    return np.stack([np.asarray(getattr(one, part)) for one in answers])


_numbers = partial(_column, "probabilities", "probabilities")


def _indices(answers: Answers) -> AnyArray:
    return _column("decoded", "index", answers).astype(np.int64, copy=False)


def _labels(classes: AnyArray, answers: Answers) -> AnyArray:
    found: AnyArray = classes[_indices(answers)]
    return found


def _several_labels(answers: Answers) -> AnyArray:
    """Give the names of each item's labels, and behind them empty ones where others have more."""
    labels = [one.label for one in answers]
    found = np.full((len(labels), max(map(len, labels))), "", object)
    for row, names in zip(found, labels, strict=True):
        row[: len(names)] = names
    return found


def _stacked(name: str, part: str, answers: Answers) -> AnyArray:
    parts = [np.asarray(getattr(one, part)) for one in answers]
    shapes = {one.shape for one in parts}
    if len(shapes) > 1:
        first, second = sorted(shapes)[:2]
        problem = f"the answers have different shapes, {list(first)} and {list(second)}"
        raise InvalidInput(f'outputs["{name}"]: {problem}: send images of one size in a request')
    return np.stack(parts)
