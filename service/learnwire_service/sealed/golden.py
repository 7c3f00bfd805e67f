"""Golden examples: items with the answers that the model gave at save."""

import base64
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from learnwire_client.prediction import AnyPrediction, Points, Several
from numpy.typing import NDArray

from ..common.errors import GoldenMismatch
from ..common.predictor import predict_all
from ..signature.agreement import disagreement
from ..signature.answers import Outcome, assemble
from ..signature.specs import OutputSpec, SeveralOutput
from ..signature.validation import Item
from .plan import Plan

GOLDEN_FILE = "golden.json"


@dataclass(frozen=True)
class Golden:
    """An item and the answer that it must be given."""

    item: Item
    answer: AnyPrediction


def replay(plan: Plan, examples: Sequence[Golden]) -> None:
    """Ask for all examples again, one by one.

    Raises:
        GoldenMismatch: an answer is outside the tolerance.
    """
    if problem := _problem_of_batch(plan, examples, 1):
        raise GoldenMismatch(problem)


def disproof(plan: Plan, examples: Sequence[Golden]) -> str | None:
    """Say where a plan's answers are not the examples', asked singly and in batches.

    In batches each example has others beside it, and itself, in several orders.
    """
    if not examples:
        return "there are no golden examples to prove it on"
    twice = [*examples, *examples]
    random.Random(0).shuffle(twice)  # noqa: S311 - reproducible, not secret
    for batch, size in ((examples, 1), (twice, len(twice)), (twice[::-1], len(examples) + 1)):
        if problem := _problem_of_batch(plan, batch, size):
            return problem if size == 1 else f"in a batch, {problem}"
    return None


def _problem_of_batch(plan: Plan, examples: Sequence[Golden], size: int) -> str | None:
    return next(differences(plan, examples, size), None)


def differences(plan: Plan, examples: Sequence[Golden], size: int = 1) -> Iterator[str]:
    """Say for each example that is answered otherwise how it is.

    Args:
        plan: what answers.
        examples: what is asked.
        size: how many are asked at a time.
    """
    for first in range(0, len(examples), size):
        batch = examples[first : first + size]
        outcomes = _outcomes(plan, [example.item for example in batch])
        for i, (example, outcome) in enumerate(zip(batch, outcomes, strict=True), first + 1):
            if problem := problem_with(plan, outcome, example.answer):
                yield f"golden example {i} of {len(examples)} is answered with {problem}"


def _outcomes(plan: Plan, items: Sequence[Item]) -> Sequence[Outcome]:
    """Predict items as the engine does; a plan that raises has that as each one's outcome."""
    try:
        return predict_all(plan, [plan.encode(item) for item in items], len(items))
    except Exception as error:  # noqa: BLE001 - a learner may raise anything
        return [error] * len(items)


def problem_with(plan: Plan, outcome: Outcome, expected: AnyPrediction) -> str | None:
    """Say how an outcome is not the answer that was expected; None where it is."""
    if isinstance(outcome, Exception):
        return f"the error {outcome!r}"
    return disagreement(plan.signature.output, outcome, expected)


def write(examples: Sequence[Golden], directory: Path) -> None:
    """Keep examples in `directory`, as JSON."""
    data = [
        {"item": _dump_item(example.item), "answer": _dump_answer(example.answer)}
        for example in examples
    ]
    (directory / GOLDEN_FILE).write_text(json.dumps(data, indent=1) + "\n")


def read(directory: Path, output: OutputSpec) -> list[Golden]:
    """Read the examples that `write` kept."""
    return [
        Golden(_load_item(entry["item"]), _load_answer(entry["answer"], output))
        for entry in json.loads((directory / GOLDEN_FILE).read_bytes())
    ]


def _dump_answer(answer: AnyPrediction) -> Any:
    if isinstance(answer, Several):
        return [_dump_answer(head) for head in answer.heads]
    parts = {"index": answer.index, "probabilities": answer.probabilities}
    if isinstance(answer, Points):
        parts["points"] = answer.label
    return {name: _dump_array(np.asarray(part)) for name, part in parts.items()}


def _load_answer(data: Any, output: OutputSpec) -> AnyPrediction:
    if isinstance(output, SeveralOutput):
        heads = zip(data, output.heads, strict=True)
        return Several.of([_load_answer(part, head) for part, head in heads])
    return assemble(output, **{name: _load_array(part) for name, part in data.items()})


def _dump_item(item: Item) -> dict[str, Any]:
    match item:
        case str():
            return {"text": item}
        case dict():
            return {"row": item}
        case tuple():
            return {"arrays": [_dump_array(part) for part in item]}
        case _:
            return {"array": _dump_array(item)}


def _load_item(data: dict[str, Any]) -> Item:
    if "array" in data:
        return _load_array(data["array"])
    if "arrays" in data:
        return tuple(map(_load_array, data["arrays"]))
    item: Item = data["text"] if "text" in data else data["row"]
    return item


def _dump_array(array: NDArray[Any]) -> dict[str, Any]:
    array = array.astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": array.dtype.str,
        "shape": array.shape,
        "data": base64.b64encode(array.tobytes()).decode(),
    }


def _load_array(data: dict[str, Any]) -> NDArray[Any]:
    flat = np.frombuffer(base64.b64decode(data["data"]), np.dtype(data["dtype"]))
    return flat.reshape(data["shape"])
