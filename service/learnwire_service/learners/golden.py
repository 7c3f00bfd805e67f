"""Golden examples: items with the answers that the model gave at save."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from learnwire_client.prediction import AnyPrediction, Points, Several
from numpy.typing import NDArray

from ..agreement import disagreement, is_finite
from ..errors import GoldenMismatch, NotServable
from ..signature import OutputSpec, SeveralOutput
from ..validation import Item
from .outputs import assemble
from .plan import Plan

GOLDEN_FILE = "golden.json"


@dataclass(frozen=True)
class Golden:
    """An item and the answer that it must be given."""

    item: Item
    answer: AnyPrediction


def ask_twice(plan: Plan, output: OutputSpec, items: Iterable[Item]) -> list[Golden]:
    """Let a model answer each item, and again, to see that it stands by its answers.

    Raises:
        NotServable: the second answer differs from the first, or is no number.
        Exception: whatever the learner raises on an item.
    """
    examples = [Golden(item, _answer(plan, item)) for item in items]
    for example in examples:
        if not is_finite(example.answer):
            raise NotServable("the learner answers an example with NaN or infinite values")
        again = _answer(plan, example.item)
        if problem := disagreement(output, again, example.answer):
            raise NotServable(
                f"the learner answers the same example differently the second time ({problem}); "
                "look for randomness in its transforms or model that stays on for prediction"
            )
    return examples


def replay(plan: Plan, output: OutputSpec, examples: Sequence[Golden]) -> None:
    """Ask for all examples again.

    Raises:
        GoldenMismatch: an answer is outside the tolerance.
    """
    for i, example in enumerate(examples):
        [answer] = plan.predict([example.item])
        if isinstance(answer, Exception):
            problem: str | None = f"the error {answer!r}"
        else:
            problem = disagreement(output, answer, example.answer)
        if problem:
            raise GoldenMismatch(
                f"golden example {i + 1} of {len(examples)} is answered with {problem}"
            )


def answers_batched(plan: Plan, output: OutputSpec, examples: Sequence[Golden]) -> bool:
    """Tell whether all examples, asked at once and twice over, get their answers."""
    items = [example.item for example in [*examples, *examples]]
    expected = [example.answer for example in [*examples, *examples]]
    answers = plan.predict_at_once(items)
    return answers is not None and all(
        not isinstance(answer, Exception) and disagreement(output, answer, one) is None
        for answer, one in zip(answers, expected, strict=True)
    )


def _answer(plan: Plan, item: Item) -> AnyPrediction:
    [answer] = plan.predict([item])
    if isinstance(answer, Exception):
        raise answer
    return answer


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
